//! A door to the reader of configuration files, for dev/fuzz only.

use std::path::Path;

use super::layers::Layers;
use super::{Config, ConfigError, Setting, file, platform};

/// Resolves the text of a file over the defaults; no environment but `env`.
pub fn load_text(
    settings: &[&'static [Setting]],
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut layers = Layers::new(settings, env);
    layers.apply_defaults()?;
    file::apply(&mut layers, Path::new("opsmith.toml"), text)?;
    platform::complete(&mut layers);
    Ok(layers.done(None))
}
