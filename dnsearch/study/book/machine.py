"""What of a study is this machine's: its processes, and folders that do not lie on another one."""

from collections.abc import Mapping
from pathlib import Path

import psutil

NETWORK_FILE_SYSTEMS = {
    *("nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "ncpfs", "davfs", "sshfs", "ceph"),
    *("glusterfs", "lustre", "beegfs", "gpfs", "pvfs2", "orangefs", "s3fs", "gcsfuse", "goofys", "rclone"),
}


def process_started(pid: int) -> float | None:
    """When a process of this machine started, in seconds since 1970; None where it does not live.

    A number is given to another process after its own has died; together with the start it is unique.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def mounted_file_systems() -> dict[Path, str]:
    """What is mounted on this machine: mount point → kind of file system."""
    return {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}


def network_kind(folder: Path, mounts: Mapping[Path, str]) -> str | None:
    """The kind of network file system that a folder is on; None on a disk of this machine.

    Args:
        folder: an absolute path.
        mounts: mount point → kind of file system.

    >>> network_kind(Path("/home/me/runs"), {Path("/"): "ext4", Path("/home"): "nfs4"})
    'nfs4'
    >>> network_kind(Path("/srv/runs"), {Path("/"): "ext4", Path("/home"): "nfs4"})
    """
    above = next((each for each in (folder, *folder.parents) if each in mounts), None)
    kind = mounts[above].lower() if above else ""
    return kind if kind.removeprefix("fuse.") in NETWORK_FILE_SYSTEMS else None
