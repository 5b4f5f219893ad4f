"""The agreements between Segue's rooms: settings, names, schemas, the two Feast reads, the release, the command line.

Nothing here trains, serves or transforms; every room imports this package and this package imports no room.
"""

__version__ = "0.1.0"
