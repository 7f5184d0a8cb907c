//! What a web client that reconnects says about itself.

use serde::{Deserialize, Serialize};

/// The name and the place in a room's lines at which a web client lost its connection. Empty for a
/// client that comes for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resume {
    /// The name it had, or wants.
    pub(super) name: String,
    /// What it received with the name; 0 if nothing.
    pub(super) token: u128,
    pub(super) room: String,
    pub(super) epoch: u128,
    /// The number of the first line that it has not received.
    pub(super) next: u64,
    /// What it receives with its name now; 0 for none.
    pub(super) new_token: u128,
}

impl Resume {
    /// Reads the query of a URL: `name=…&token=…&room=…&epoch=…&next=…`, each of them optional.
    pub(super) fn from_query(query: &str) -> Self {
        let mut resume = Resume::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let hex = |value: &str| u128::from_str_radix(value, 16).unwrap_or(0);
            match &*key {
                "name" => resume.name = value.into_owned(),
                "token" => resume.token = hex(&value),
                "room" => resume.room = value.into_owned(),
                "epoch" => resume.epoch = hex(&value),
                "next" => resume.next = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        resume
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_nonsense_is_ignored() {
        let resume = Resume::from_query("name=Zo%C3%AB+x&token=ff&room=a%26b&epoch=10&next=7&x=1");
        let expected = Resume {
            name: "Zoë x".to_owned(),
            token: 255,
            room: "a&b".to_owned(),
            epoch: 16,
            next: 7,
            new_token: 0,
        };
        assert_eq!(resume, expected);
        for query in ["", "&&&", "token=-1&next=-1&epoch=zz", "%%%", "next=99999999999999999999"] {
            assert_eq!(Resume::from_query(query), Resume::default(), "{query}");
        }
    }
}
