//! A line of the table of the routes: a path, the methods that it has, and what is said of each.

use actix_web::dev::HttpServiceFactory;
use actix_web::guard::{Any, Get, Head};
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Responder, Route, web};
use actix_web_lab::middleware::CatchPanic;
use schemars::JsonSchema;

use super::answer::in_words;
use crate::wire::openapi::{About, Content, Described, Parameter};

/// A path with its methods.
pub(super) struct Path {
    path: &'static str,
    operations: Vec<Operation>,
}

/// One method of a path.
pub(super) struct Operation {
    /// In lower case.
    method: &'static str,
    route: Route,
    about: About,
}

impl Path {
    pub(super) fn new<const N: usize>(path: &'static str, operations: [Operation; N]) -> Self {
        Self { path, operations: operations.into() }
    }

    /// What is said of its methods.
    pub(super) fn described(&self) -> impl Iterator<Item = Described<'_>> {
        let path = self.path;
        self.operations.iter().map(move |operation| Described {
            path,
            method: operation.method,
            about: &operation.about,
        })
    }

    /// What serves it. A handler that panics answers 500, and the worker lives on.
    pub(super) fn service(self) -> impl HttpServiceFactory {
        let routes = self.operations.into_iter().map(|operation| operation.route);
        let resource = routes.fold(web::resource(self.path), actix_web::Resource::route);
        resource.wrap(CatchPanic::default()).wrap(from_fn(in_words))
    }
}

impl Operation {
    fn new(method: &'static str, route: Route, summary: &'static str) -> Self {
        Self { method, route, about: About::new(summary) }
    }

    fn about(self, change: impl FnOnce(About) -> About) -> Self {
        Self { about: change(self.about), ..self }
    }

    /// What can be said in the query.
    pub(super) fn query(self, parameters: &'static [Parameter]) -> Self {
        self.about(|about| about.query(parameters))
    }

    /// Takes a body of this type.
    pub(super) fn takes<T: JsonSchema>(self) -> Self {
        self.about(About::takes::<T>)
    }

    /// Takes a body of the form of this name.
    pub(super) fn takes_one(self, name: &'static str) -> Self {
        self.about(|about| about.takes_one(name))
    }

    /// Takes `Last-Event-ID`.
    pub(super) fn resumes(self) -> Self {
        self.about(About::resumes)
    }

    /// Answers 200 with this.
    pub(super) fn answers(self, content: Content) -> Self {
        self.or(200, content)
    }

    /// Answers 200 with a document of this name.
    pub(super) fn one(self, name: &'static str) -> Self {
        self.answers(Content::One(name))
    }

    /// Answers with this status.
    pub(super) fn or(self, status: u16, content: Content) -> Self {
        self.about(|about| about.answers(status, content))
    }

    /// Answers 204.
    pub(super) fn nothing(self) -> Self {
        self.or(204, Content::Nothing)
    }
}

/// Whatever answers GET answers HEAD.
pub(super) fn get<F, Args>(handler: F, summary: &'static str) -> Operation
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Operation::new("get", web::route().guard(Any(Get()).or(Head())).to(handler), summary)
}

macro_rules! methods {
    ($($name:ident),*) => {$(
        pub(super) fn $name<F, Args>(handler: F, summary: &'static str) -> Operation
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            Operation::new(stringify!($name), web::$name().to(handler), summary)
        }
    )*};
}

methods!(post, put, patch, delete);
