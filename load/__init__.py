"""The load engine: an open-loop generator on Locust, run as a subprocess and never imported by the gate.

It imports nothing of the gate. What it is to do arrives as one line of JSON on standard input (see `plan`),
what came of it is one JSON file (see `collect`), and closing standard input stops it: the pipe is the leash.
"""
