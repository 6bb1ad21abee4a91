"""Which folders lie on another machine."""

from collections.abc import Mapping
from pathlib import Path

NETWORK_FILE_SYSTEMS = {
    *("nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "ncpfs", "davfs", "sshfs", "ceph"),
    *("glusterfs", "lustre", "beegfs", "gpfs", "pvfs2", "orangefs", "s3fs", "gcsfuse", "goofys", "rclone"),
}


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
