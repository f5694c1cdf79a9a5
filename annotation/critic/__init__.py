"""AI critics: a model compares outputs by a project's principles, through the queue, as an annotator like any other.

The texts of prompts and outputs leave the house for the endpoint that the operator names on the command line; so may
any address be named there, also one of the own network. Nothing that comes over HTTP can start a run.
"""
