"""What crosses the border between two cities, and how each side checks it.

Pure: no framework, database, network, files, clock or chance. Times, keys, salts and
identifiers are passed in. A third party can install and use this package alone.
"""
