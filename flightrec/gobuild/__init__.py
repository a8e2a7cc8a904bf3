"""Building Go code into a shared library with the bridge inside.

Imports nothing native, so it works before the bundled library has been built.
"""

from flightrec.gobuild.bundled import bridge_source, build_bundled_library
from flightrec.gobuild.program import Built, build, default_output

__all__ = ["Built", "bridge_source", "build", "build_bundled_library", "default_output"]
