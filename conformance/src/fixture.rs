//! Clients, users and switches of the fixtures, and the configuration that a check's differences make of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use serde_json::Value;
use toml::Table;

use crate::drive::published::client_keys;
use crate::embedded_files;
use crate::scenario::Check;
use crate::transcript::jose::SigningKey;
use crate::transcript::view::{Part, references};

/// RFC 7523 §2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The four files, parsed.
#[derive(Debug, Clone)]
pub struct Fixtures {
    provider: Table,
    keys: Table,
    clients: Table,
    users: Table,
    /// The keys that the clients publish which sign, by name: making them takes longer than anything else here.
    published: BTreeMap<String, toml::Value>,
    /// For a check that changes nothing, once it was made.
    plain: OnceLock<Configured>,
}

/// What a check's provider is started with.
#[derive(Debug, Clone)]
pub struct Configured {
    /// The whole configuration, TOML.
    pub text: String,
    /// Metadata of each client, by name.
    pub clients: BTreeMap<String, Value>,
}

impl Fixtures {
    /// Those compiled into this program.
    ///
    /// # Errors
    /// The file and what is wrong with it.
    pub fn embedded() -> Result<Self, String> {
        let read = |file: &str| {
            let text = embedded_files::fixture(file).ok_or_else(|| format!("fixtures/{file} is missing"))?;
            text.parse::<Table>().map_err(|e| format!("fixtures/{file}: {e}"))
        };
        let clients = read("clients.toml")?;
        let known = clients.get("clients").and_then(toml::Value::as_table).into_iter().flatten();
        let signing = known.filter(|(_, client)| client.as_table().is_some_and(publishes_keys));
        let published = signing.map(|(name, _)| Ok((name.clone(), keys_of(name)?))).collect::<Result<_, String>>()?;
        Ok(Self {
            provider: read("provider.toml")?,
            keys: read("keys.toml")?,
            users: read("users.toml")?,
            clients,
            published,
            plain: OnceLock::new(),
        })
    }

    /// Metadata of the clients, by name.
    pub fn clients(&self) -> BTreeMap<String, Value> {
        tables(&self.clients, "clients")
    }

    /// The users, by name.
    pub fn users(&self) -> BTreeMap<String, Value> {
        tables(&self.users, "users")
    }

    /// A member of the provider's configuration: `["management", "token"]`.
    pub fn provider(&self, path: &[&str]) -> Option<Value> {
        let (first, rest) = path.split_first()?;
        let at = rest.iter().try_fold(self.provider.get(*first)?, |at, key| at.get(key))?;
        serde_json::to_value(at).ok()
    }

    /// The issuers by the name of their origin.
    pub fn issuers(&self) -> BTreeMap<String, String> {
        let origins = self.provider.get("origins").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let pair = |o: &toml::Value| Some((o.get("name")?.as_str()?.to_owned(), o.get("issuer")?.as_str()?.to_owned()));
        origins.iter().filter_map(pair).collect()
    }

    /// The private keys by `kid`: public on purpose.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn signing_keys(&self) -> Result<BTreeMap<String, SigningKey>, String> {
        let mut keys = BTreeMap::new();
        for entry in self.keys.get("keys").and_then(toml::Value::as_array).into_iter().flatten() {
            let text = |name: &str| entry.get(name).and_then(toml::Value::as_str).unwrap_or_default();
            let der = base64::engine::general_purpose::STANDARD.decode(text("private")).map_err(|e| format!("key {}: {e}", text("kid")))?;
            let key = SigningKey::from_pkcs8(text("alg"), &der).map_err(|e| format!("key {}: {e}", text("kid")))?;
            keys.insert(text("kid").to_owned(), key);
        }
        Ok(keys)
    }

    /// The configuration of a check: the fixtures with its clients and its `[provider]` laid over them.
    ///
    /// # Errors
    /// What cannot be laid over what.
    pub fn configured(&self, check: &Check) -> Result<Configured, String> {
        if !check.clients.is_empty() || check.provider.as_object().is_some_and(|over| !over.is_empty()) {
            return self.laid_over(check);
        }
        if let Some(plain) = self.plain.get() {
            return Ok(plain.clone());
        }
        let plain = self.laid_over(check)?;
        Ok(self.plain.get_or_init(|| plain).clone())
    }

    fn laid_over(&self, check: &Check) -> Result<Configured, String> {
        let mut clients = self.clients.get("clients").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        for (name, difference) in &check.clients {
            let client = differing(&clients, name, difference)?;
            clients.insert(name.clone(), toml::Value::Table(client));
        }
        for (name, client) in &mut clients {
            self.publish_keys(name, client)?;
        }
        let mut whole = self.provider.clone();
        if let Value::Object(over) = &check.provider {
            for (key, value) in over {
                lay(&mut whole, key, value)?;
            }
        }
        whole.extend(self.keys.clone());
        whole.extend(self.users.clone());
        // A client that registers itself is told its name and its secret, and the provider hears of it then.
        let registers = |name: &str| check.clients.get(name).and_then(|c| c.get("register")) == Some(&Value::Bool(true));
        for (_, client) in clients.iter_mut().filter(|(name, _)| registers(name)) {
            if let Some(client) = client.as_table_mut() {
                client.retain(|member, _| !matches!(member, "client_id" | "client_secret"));
            }
        }
        let known: Table = clients.iter().filter(|(name, _)| !registers(name)).map(|(n, c)| (n.clone(), c.clone())).collect();
        whole.insert("clients".into(), toml::Value::Table(known));
        let text = toml::to_string(&whole).map_err(|e| e.to_string())?;
        Ok(Configured { text, clients: clients.iter().filter_map(|(n, c)| Some((n.clone(), serde_json::to_value(c).ok()?))).collect() })
    }

    fn publish_keys(&self, name: &str, client: &mut toml::Value) -> Result<(), String> {
        if let Some(client) = client.as_table_mut().filter(|client| publishes_keys(client)) {
            let keys = self.published.get(name).cloned().map_or_else(|| keys_of(name), Ok)?;
            client.insert("jwks".into(), keys);
        }
        Ok(())
    }
}

/// A client that signs assertions, to say who it is or as a grant, publishes the keys for them, if the file does not say where.
fn publishes_keys(client: &Table) -> bool {
    let grants = client.get("grant_types").and_then(toml::Value::as_array);
    let signs = client.get("token_endpoint_auth_method").and_then(toml::Value::as_str) == Some("private_key_jwt")
        || grants.is_some_and(|all| all.iter().any(|grant| grant.as_str() == Some(JWT_BEARER)));
    signs && !client.contains_key("jwks") && !client.contains_key("jwks_uri")
}

fn keys_of(name: &str) -> Result<toml::Value, String> {
    toml::Value::try_from(client_keys(name)).map_err(|e| format!("the keys of the client `{name}`: {e}"))
}

/// A client that is like another one, at a host of its own, with a difference.
fn differing(clients: &Table, name: &str, difference: &Value) -> Result<Table, String> {
    let members = difference.as_object().ok_or_else(|| format!("client `{name}` is no table"))?;
    let like = members.get("like").and_then(Value::as_str).unwrap_or(name);
    let fixture = clients
        .get(like)
        .and_then(toml::Value::as_table)
        .ok_or_else(|| format!("client `{name}` is like `{like}`, which does not exist"))?;
    let mut client = at_host(fixture, like, name);
    client.insert("client_id".into(), name.into());
    client.insert("client_name".into(), name.into());
    for (member, value) in members.iter().filter(|(m, _)| !matches!(m.as_str(), "like" | "register")) {
        let value = toml::Value::try_from(addresses(value, name)).map_err(|e| format!("client `{name}`, `{member}`: {e}"))?;
        client.insert(member.clone(), value);
    }
    Ok(client)
}

/// `{rp.NAME.first}` in the metadata of a client of the file; what stands around it, such as a query, stays.
fn addresses(value: &Value, name: &str) -> Value {
    let address = |path: &str| match path.strip_prefix("rp.")?.strip_prefix(name)? {
        ".first" => Some(format!("https://{name}.rp.test/bcl")),
        ".second" => Some(format!("https://{name}.rp.test/bcl/second")),
        _ => None,
    };
    match value {
        Value::String(text) => {
            let part = |part: &Part<'_>| match part {
                Part::Text(text) => (*text).to_owned(),
                Part::Reference(path) => address(path).unwrap_or_else(|| format!("{{{path}}}")),
            };
            references(text).iter().map(part).collect::<String>().into()
        }
        Value::Array(all) => all.iter().map(|v| addresses(v, name)).collect(),
        other => other.clone(),
    }
}

fn at_host(fixture: &Table, like: &str, name: &str) -> Table {
    let (from, to) = (format!("https://{like}.rp.test/"), format!("https://{name}.rp.test/"));
    let moved = |value: &toml::Value| match value {
        toml::Value::String(text) => text.replace(&from, &to).into(),
        toml::Value::Array(all) => {
            toml::Value::Array(all.iter().map(|v| v.as_str().map_or_else(|| v.clone(), |t| t.replace(&from, &to).into())).collect())
        }
        other => other.clone(),
    };
    fixture.iter().map(|(k, v)| (k.clone(), moved(v))).collect()
}

fn lay(under: &mut Table, key: &str, over: &Value) -> Result<(), String> {
    match (under.get_mut(key), over) {
        (Some(toml::Value::Table(inner)), Value::Object(members)) => members.iter().try_for_each(|(k, v)| lay(inner, k, v)),
        _ => {
            let value = toml::Value::try_from(over).map_err(|e| format!("[provider] {key}: {e}"))?;
            under.insert(key.to_owned(), value);
            Ok(())
        }
    }
}

fn tables(table: &Table, name: &str) -> BTreeMap<String, Value> {
    let inner = table.get(name).and_then(toml::Value::as_table);
    inner.into_iter().flatten().filter_map(|(n, t)| Some((n.clone(), serde_json::to_value(t).ok()?))).collect()
}
