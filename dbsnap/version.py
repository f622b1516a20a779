"""The version of dbsnap: what ``--version``, every record and the installed package say."""

VERSION = "0.1.0"
