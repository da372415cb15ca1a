//! The types in TypeScript.

use std::fmt::Write;

use super::types::{Declared, Shape, Type, wrapped};

const HEAD: &str = r#"// Generated from the CustomResourceDefinition, and not to be edited: see README.md.

/** The metadata of an object, as far as programs mostly look at it. */
export interface ObjectMeta {
  name?: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}

/** A connection: what is demanded of a GitHub personal access token, and where it is published. */
export interface GithubPatConnection {
  apiVersion: "githubpat.dev/v1alpha1";
  kind: "GithubPatConnection";
  metadata: ObjectMeta;
  spec: GithubPatConnectionSpec;
  /** What the operator writes. */
  status?: GithubPatConnectionStatus;
}

/** Connections as the API server lists them. */
export interface GithubPatConnectionList {
  apiVersion: "githubpat.dev/v1alpha1";
  kind: "GithubPatConnectionList";
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: GithubPatConnection[];
}
"#;

/// The file.
pub(super) fn file(types: &[Declared]) -> String {
    let mut text = HEAD.to_owned();
    for Declared { name, doc, shape } in types {
        text.push('\n');
        document(&mut text, "", doc);
        match shape {
            Shape::Object(fields) => {
                let _ = writeln!(text, "export interface {name} {{");
                for field in fields {
                    document(&mut text, "  ", &field.doc);
                    let mark = if field.required { "" } else { "?" };
                    let _ = writeln!(text, "  {}{mark}: {};", field.name, written(&field.of));
                }
                text += "}\n";
            }
            Shape::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\n  | \"{word}\"")).collect();
                let _ = writeln!(text, "export type {name} ={};", words.concat());
            }
        }
    }
    text
}

fn document(text: &mut String, indent: &str, doc: &str) {
    let lines = wrapped(&doc.replace("*/", "* /"), 110);
    let _ = match lines.as_slice() {
        [] => Ok(()),
        [line] => writeln!(text, "{indent}/** {line} */"),
        lines => {
            let lines: Vec<_> =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned()).collect();
            writeln!(text, "{indent}/**\n{}\n{indent} */", lines.join("\n"))
        }
    };
}

fn written(of: &Type) -> String {
    match of {
        Type::Text | Type::Instant => "string".to_owned(),
        Type::Truth => "boolean".to_owned(),
        Type::Int32 | Type::Int64 => "number".to_owned(),
        Type::List(of) => format!("{}[]", written(of)),
        Type::Map(of) => format!("Record<string, {}>", written(of)),
        Type::Object(name) | Type::Word(name) => (*name).to_owned(),
    }
}
