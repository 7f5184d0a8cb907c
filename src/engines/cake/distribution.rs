//! How the time a stage takes varies from cake to cake.

use std::fmt;
use std::str::FromStr;

/// The probability distribution of the service times of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Every cake takes the mean time.
    #[default]
    Fixed,
    /// Normal (Gaussian); a time below zero counts as zero, as in Go's `time.Sleep`.
    Normal,
    /// Exponential: many short times and few long ones; its standard deviation equals its mean.
    Exponential,
}

impl FromStr for Distribution {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "fixed" => Ok(Distribution::Fixed),
            "normal" => Ok(Distribution::Normal),
            "exponential" => Ok(Distribution::Exponential),
            _ => Err("use fixed, normal or exponential"),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distribution::Fixed => "fixed",
            Distribution::Normal => "normal",
            Distribution::Exponential => "exponential",
        })
    }
}
