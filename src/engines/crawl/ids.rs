//! Numbers that stand for pages and hosts: they are copied and compared faster than URLs.

/// Index of a URL in [`Pages`](super::pages::Pages).
pub(super) type PageId = u32;

/// Index of a host in [`Hosts`](super::hosts::Hosts).
pub(super) type HostId = u32;
