//! Real git repositories for tests.
