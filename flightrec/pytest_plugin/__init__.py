"""The pytest plugin: fixtures for Go code, and the window of every failure.

pytest imports ``flightrec.pytest_plugin.plugin`` in each of its runs (entry point ``pytest11``).
Nothing in it loads Go, or any other part of flightrec, before a test uses a fixture or marker of
it, or an option asks for it.
"""
