"""Seeded mutation of everything that Topwork reads and strangers may have made.

What it does not know: how a fault is mended. Each kind of file has a module here, which makes its
own good files, mutates them and judges what comes of it. A worker process tries one mutant after
the other, so that a hang, a crash or a bomb costs one worker and not the tests.
"""
