use std::error::Error as _;

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use maud::{Markup, html};
use opsmith_model::ErrorKind;
use serde::de::DeserializeOwned;

use crate::http::Problem;
use crate::http::query::unfit;

/// A sent form; one that does not fit is answered with a [`Problem`] that names the field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let form = axum::Form::<T>::from_request(request, state).await;
        form.map(|axum::Form(value)| Self(value)).map_err(|refused| match refused {
            FormRejection::InvalidFormContentType(_) => {
                let message = "a form is sent as `application/x-www-form-urlencoded`";
                Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            }
            FormRejection::BytesRejection(broken) if broken.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(ErrorKind::TooLarge, "the form is larger than this server takes")
            }
            FormRejection::BytesRejection(_) => Problem::new(ErrorKind::Invalid, "the form ended early"),
            other => unfit(&other.source().map_or_else(|| other.to_string(), ToString::to_string), "the form"),
        })
    }
}

/// A value that a form brings back and nobody sees.
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A field with its label, what it is for, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its name in the form, and its id on the page.
    pub name: &'a str,
    /// What a person calls it.
    pub label: &'a str,
    /// What to put in.
    pub hint: &'a str,
    /// What is wrong with what was put in.
    pub error: Option<&'a str>,
}

impl Field<'_> {
    /// The field around its control, which gets its id and what describes it.
    pub fn around(&self, control: impl FnOnce(&str) -> Markup) -> Markup {
        let (hint, error) = (format!("{}-hint", self.name), format!("{}-error", self.name));
        let described = if self.error.is_some() { format!("{error} {hint}") } else { hint.clone() };
        html! {
            div.field.wrong[self.error.is_some()] {
                label for=(self.name) { (self.label) }
                (control(&described))
                @if let Some(reason) = self.error { p.error id=(error) { (reason) } }
                p.hint id=(hint) { (self.hint) }
            }
        }
    }
}
