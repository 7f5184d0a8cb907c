//! Files: walking a tree, staying beneath a directory, writing a file whole or not at all.

pub mod atomic;
pub mod jail;
pub mod walk;
