//! The house rules that can be proved by reading the sources.
