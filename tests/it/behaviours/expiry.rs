//! When the token ends, by the demand and by policies.

use super::row::{
    Given::Organization,
    MEMBER, PRIVATE,
    Policy::{ClassicLivesAtMost, FineGrainedLivesAtMost},
    ROW, Row, Theme, classic, fine, own,
};

pub(super) const THEME: Theme = Theme {
    title: "Expiry",
    about: "GitHub names the end of a token with each answer. A policy of an organization counts the whole \
            lifetime, which GitHub alone knows.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "an expiry is demanded, and the token has one",
        token: classic(&["repo"]).days(30),
        require: r#"{"expiry": {"required": true}}"#,
        ..ROW
    },
    Row {
        name: "an expiry is demanded, and the token never expires",
        token: classic(&["repo"]),
        require: r#"{"expiry": {"required": true}}"#,
        ready: ("False", "ExpiryRequired"),
        says: "make one with an expiry",
        ..ROW
    },
    Row {
        name: "an expiry is demanded of a fine-grained token that never expires",
        token: own(&[]),
        require: r#"{"expiry": {"required": true}}"#,
        ready: ("False", "ExpiryRequired"),
        ..ROW
    },
    Row {
        name: "the token ends within the longest lifetime",
        token: classic(&["repo"]).days(30),
        require: r#"{"expiry": {"maxLifetime": "720h"}}"#,
        ..ROW
    },
    Row {
        name: "the token ends after the longest lifetime",
        token: classic(&["repo"]).days(31),
        require: r#"{"expiry": {"maxLifetime": "720h"}}"#,
        ready: ("False", "LifetimeTooLong"),
        says: "make one that ends sooner",
        ..ROW
    },
    Row {
        name: "a token that never expires ends after any longest lifetime",
        token: classic(&["repo"]),
        require: r#"{"expiry": {"maxLifetime": "8784h"}}"#,
        ready: ("False", "LifetimeTooLong"),
        ..ROW
    },
    Row {
        name: "the token has long enough to go",
        token: classic(&["repo"]).days(3),
        require: r#"{"expiry": {"minRemaining": "48h"}}"#,
        ..ROW
    },
    Row {
        name: "the token has too little left",
        token: classic(&["repo"]).days(1),
        require: r#"{"expiry": {"minRemaining": "48h"}}"#,
        ready: ("False", "RemainingTooShort"),
        says: "store it in the Secret",
        ..ROW
    },
    Row {
        name: "a token that never expires has always enough left",
        token: classic(&["repo"]),
        require: r#"{"expiry": {"minRemaining": "48h"}}"#,
        ..ROW
    },
    Row {
        name: "both bounds hold",
        token: own(&[]).days(20),
        require: r#"{"expiry": {"required": true, "minRemaining": "24h", "maxLifetime": "720h"}}"#,
        ..ROW
    },
    Row {
        name: "the policy of the organization is stricter than the demand",
        given: &[Organization("acme", &[ClassicLivesAtMost(7)]), MEMBER, PRIVATE],
        token: classic(&["repo"]).days(30),
        require: r#"{"repositories": [{"name": "acme/app"}], "expiry": {"required": true,
            "maxLifetime": "720h"}}"#,
        ready: ("False", "LifetimeForbidden"),
        says: "longer than 7 days",
        lines: &["Repository acme/app: NotMet LifetimeForbidden"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "the demand is stricter than the policy of the organization",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, PRIVATE],
        token: fine(&[]).days(30),
        require: r#"{"repositories": [{"name": "acme/app"}], "expiry": {"maxLifetime": "168h"}}"#,
        ready: ("False", "LifetimeTooLong"),
        lines: &["Repository acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "a token that never expires breaks both the demand and the policy",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(366)]), MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "expiry": {"required": true}}"#,
        ready: ("False", "ExpiryRequired"),
        says: "366 days",
        lines: &["Repository acme/app: NotMet LifetimeForbidden"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
];
