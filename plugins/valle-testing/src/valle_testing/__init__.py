"""Public fakes and conformance suites for tests of the core and of plugins."""
