"""Comparing arms of one experiment over pairs of runs: does a change help?"""
