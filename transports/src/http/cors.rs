//! What web pages of other origins may read.

use actix_cors::Cors;

/// Pages of these origins may read every answer; with an empty list, pages of any origin may, without
/// credentials.
///
/// `location` is exposed although the reference server hides it: clients in a browser need it to take
/// up a broken stream.
pub(super) fn policy(origins: &[String]) -> Cors {
    let policy = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers(["x-pagination-total", "x-pagination-next", "content-location", "location"])
        // A page on the internet may look at a server on this machine: so does the reference's studio.
        .allow_private_network_access()
        .max_age(600);
    if origins.is_empty() {
        return policy.allow_any_origin().send_wildcard();
    }
    origins.iter().fold(policy.supports_credentials(), |policy, origin| policy.allowed_origin(origin))
}
