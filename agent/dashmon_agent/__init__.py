"""The node agent: reads a Linux machine's own figures and reports them. Python 3.9 and nothing else."""

VERSION = "1.1.0+dashmon"
