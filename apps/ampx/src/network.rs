use std::fmt;

use opsmith_sandbox::{Destination, Network};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// What an agent or a check may reach, as the configuration says it: `"on"`, `"off"`, or a list of `host:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSetting(pub Network);

impl<'de> Deserialize<'de> for NetworkSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = NetworkSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"on\", \"off\" or a list such as [\"api.example.com:443\"]")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<NetworkSetting, E> {
        match word {
            "on" => Ok(NetworkSetting(Network::On)),
            "off" => Ok(NetworkSetting(Network::Off)),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<NetworkSetting, A::Error> {
        let mut destinations: Vec<Destination> = Vec::new();
        while let Some(destination) = list.next_element()? {
            destinations.push(destination);
        }
        Ok(NetworkSetting(Network::Listed(destinations)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        network: NetworkSetting,
    }

    #[test]
    fn a_network_is_a_word_or_a_list() {
        let listed = || Network::Listed(vec!["api.example.com:443".parse().unwrap()]);
        for (text, network) in [
            ("network = \"on\"", Network::On),
            ("network = \"off\"", Network::Off),
            ("network = [\"api.example.com:443\"]", listed()),
            ("network = []", Network::Listed(Vec::new())),
        ] {
            assert_eq!(toml::from_str::<Settings>(text).unwrap().network, NetworkSetting(network));
        }
        for (text, said) in [
            ("network = \"none\"", "\"on\", \"off\" or a list"),
            ("network = false", "\"on\", \"off\" or a list"),
            ("network = [\"example.com\"]", "`example.com` is not a host and a port"),
        ] {
            let error = toml::from_str::<Settings>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
