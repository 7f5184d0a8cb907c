//! Files: walking a tree, staying beneath a directory, writing a file whole or not at all.

#[cfg(feature = "files")]
pub mod atomic;
#[cfg(feature = "ftpd")]
pub mod jail;
#[cfg(feature = "du")]
pub mod walk;
