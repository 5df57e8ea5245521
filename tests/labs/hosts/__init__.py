"""The lab of real hosts: a jump host and four nodes under systemd, on a network of their own.

    python -m tests.labs.hosts build | up | down | status

Needs root on Linux. `build` installs what is missing with apt-get and makes one Debian tree in the cache;
`up` boots five systemd-nspawn machines on overlays of it; `down` leaves nothing behind.
"""
