//! Means with their confidence intervals.

/// A sample mean and the precision with which it estimates the true mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The sample mean.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval; `None` for a single value.
    pub margin: Option<f64>,
}

impl Mean {
    /// The mean of `values` with its 95 % confidence interval by Student's t distribution; `None`
    /// without values.
    pub fn from_values(values: &[f64]) -> Option<Mean> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let margin = || student_t(values.len() - 1) * (squares / (n - 1.0) / n).sqrt();
        (!values.is_empty()).then(|| Mean { mean, margin: (values.len() > 1).then(margin) })
    }

    /// The same mean in a unit that is `factor` times smaller.
    pub fn scaled(self, factor: f64) -> Mean {
        Mean { mean: self.mean * factor, margin: self.margin.map(|margin| margin * factor) }
    }
}

/// The 97.5 % quantile of Student's t distribution with so many degrees of freedom.
fn student_t(degrees: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    if let Some(&t) = TABLE.get(degrees - 1) {
        return t;
    }
    // The Cornish-Fisher expansion, from the normal quantile.
    let (z, v) = (1.959_964_f64, degrees as f64);
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / v + second / v.powi(2) + third / v.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_a_margin_from_two_values_on() {
        assert_eq!(Mean::from_values(&[]), None);
        assert_eq!(Mean::from_values(&[7.0]), Some(Mean { mean: 7.0, margin: None }));
        let Mean { mean, margin } = Mean::from_values(&[1.0, 2.0, 3.0]).unwrap();
        assert!((mean - 2.0).abs() < 1e-12 && (margin.unwrap() - 2.484).abs() < 1e-3);
    }

    #[test]
    fn quantiles_match_the_published_table() {
        let check = |degrees, t: f64| assert!((student_t(degrees) - t).abs() < 2e-3, "{degrees}");
        check(1, 12.706);
        check(10, 2.228);
        check(11, 2.201);
        check(20, 2.086);
        check(100, 1.984);
    }
}
