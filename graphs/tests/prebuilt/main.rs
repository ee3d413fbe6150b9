//! Agents and nodes of tools, in virtual time and with scripted models.

mod agent;
mod review;
mod support;
mod team;
mod tools;
