"""Scripts that read an export with its own runtime alone, each run in a process without dnsearch.

They are run by their paths and import nothing of dnsearch.
"""
