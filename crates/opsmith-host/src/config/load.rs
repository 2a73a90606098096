use std::path::Path;

use super::layers::Layers;
use super::{Config, ConfigError, Setting, file, platform};

/// Resolves every setting once: default, then file, then environment, then `overrides` (flags, as key and text).
///
/// `named` is the file of `--config`; it and the one of `OPSMITH_CONFIG` must exist. An empty variable counts as unset.
pub fn load(
    settings: &[&'static [Setting]],
    overrides: &[(&str, String)],
    named: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let set = |name: &str| env(name).filter(|text| !text.is_empty());
    let mut layers = Layers::new(settings, &set);
    layers.apply_defaults()?;
    let found = file::find(named, &set);
    if let Some(path) = &found {
        file::apply(&mut layers, path, &file::read(path)?)?;
    }
    layers.apply_env()?;
    for (key, text) in overrides {
        layers.apply_flag(key, text)?;
    }
    platform::complete(&mut layers);
    Ok(layers.done(found))
}
