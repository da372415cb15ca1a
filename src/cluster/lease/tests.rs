use super::*;

#[test]
fn whatever_stands_in_a_lease_is_read() {
    let at = "9999-12-31T23:59:59.999999Z";
    let rows = [
        (json!({}), (None, None, None)),
        (json!({ "spec": null }), (None, None, None)),
        (json!({ "spec": { "holderIdentity": "", "leaseDurationSeconds": 1 } }), (None, Some(1), None)),
        (
            json!({ "spec": { "holderIdentity": "a", "leaseDurationSeconds": i32::MAX, "renewTime": at } }),
            (Some("a"), Some(i32::MAX), Some(at)),
        ),
        (
            json!({ "spec": { "holderIdentity": 1, "leaseDurationSeconds": 1e300, "renewTime": {} } }),
            (None, None, None),
        ),
    ];
    for (mut lease, (holder, seconds, renewed)) in rows {
        lease["metadata"] = json!({ "name": "a", "uid": "u", "resourceVersion": "7" });
        let expected = Record {
            version: ("u".to_owned(), "7".to_owned()),
            holder: holder.map(str::to_owned),
            seconds,
            renewed: renewed.map(str::to_owned),
        };
        assert_eq!(record(&serde_json::from_value(lease.clone()).unwrap()), expected, "{lease}");
    }
}

#[test]
fn each_process_is_another_replica() {
    let (one, other) = (identity(), identity());
    assert_ne!(one, other);
    assert_eq!(one.rsplit_once('_').unwrap().0, other.rsplit_once('_').unwrap().0, "on the same machine");
}
