//! What the server is and can: FEAT, OPTS, HELP, SITE, STAT.

use super::command::{Command, VERBS};
use super::facts::Facts;
use super::reply::Reply;
use super::session::{Done, Session};

/// Verbs on a line of HELP.
const PER_LINE: usize = 10;

impl Session<'_, '_> {
    pub(super) fn feat(&self) -> Reply {
        let mut features: Vec<String> =
            ["EPRT", "EPSV", "MDTM", "MFMT"].map(str::to_owned).to_vec();
        features.push(self.state.facts.feature());
        features.extend(["REST STREAM", "SIZE", "TVFS", "UTF8"].map(str::to_owned));
        if self.server.options.tls.is_some() {
            features.extend(["AUTH TLS", "PBSZ", "PROT"].map(str::to_owned));
        }
        Reply::lines(211, "Features:", features, "End")
    }

    pub(super) fn opts(&mut self, command: &Command) -> Done {
        let (name, value) = command.word().split_once(' ').unwrap_or((command.word(), ""));
        match (name.to_ascii_uppercase().as_str(), value) {
            ("MLST", list) => {
                self.state.facts = Facts::parse(list);
                let list = self.state.facts.list();
                Ok(Reply::new(200, format!("MLST OPTS {list}").trim_end()))
            }
            ("UTF8" | "UTF-8", value) if !value.eq_ignore_ascii_case("OFF") => {
                Ok(Reply::new(200, "Names are UTF-8."))
            }
            ("UTF8" | "UTF-8", _) => Err(Reply::new(504, "Names are UTF-8.")),
            _ => Err(Reply::new(501, "There is no such option.")),
        }
    }

    pub(super) fn help() -> Reply {
        let line = |verbs: &[(&str, _)]| {
            let names: Vec<String> = verbs.iter().map(|(name, _)| name.to_uppercase()).collect();
            names.join(" ")
        };
        Reply::lines(214, "Commands:", VERBS.chunks(PER_LINE).map(line), "End")
    }

    pub(super) fn site(&mut self, command: &Command) -> Done {
        let arg = String::from_utf8_lossy(&command.arg).into_owned();
        let (name, rest) = arg.split_once(' ').unwrap_or((&arg, ""));
        match name.to_ascii_uppercase().as_str() {
            "HELP" => Ok(Reply::lines(214, "SITE commands:", ["HELP", "CHMOD mode name"], "End")),
            "CHMOD" => self.chmod(rest),
            _ => Err(Reply::new(504, "There is no such SITE command: SITE HELP.")),
        }
    }

    pub(super) fn stat(&self) -> Reply {
        let state = &self.state;
        let user = state.user.as_deref().filter(|_| state.rights.is_some()).unwrap_or("nobody");
        let tls = |on: bool| if on { "TLS" } else { "in clear" };
        let lines = [
            format!("From {}, logged in as {user}", self.control.peer()),
            format!("TYPE {}, MODE S, STRU F", if state.is_ascii { "A" } else { "I" }),
            format!(
                "Control connection {}, data connections {}",
                tls(self.control.is_secure()),
                tls(state.is_private)
            ),
        ];
        Reply::lines(211, "ftpd:", lines, "No transfer is under way.")
    }
}
