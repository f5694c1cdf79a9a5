"""A whole Prefapp in one command, with a project to try: for people who look at it and for checks from outside."""
