//! TLS of a provider that serves for itself: a CA and a certificate made at the start, or files; and whom outgoing connections trust.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Made(#[from] rcgen::Error),
    /// Certificate and key do not fit, or the like.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn server(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A CA and a certificate for these names, and the CA as PEM. Its key is forgotten at once, so nothing else can ever be signed by it.
///
/// # Errors
/// One of the names cannot be in a certificate.
pub fn made(names: Vec<String>) -> Result<(Arc<ServerConfig>, String), TlsError> {
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(DnType::CommonName, "Touchstone, made for this run");
    let ca_key = KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "Touchstone");
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let config = server(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok((config, ca_certificate.pem()))
}

/// A certificate with its chain, and its key, from files in PEM.
///
/// # Errors
/// They cannot be read, or do not fit.
pub fn given(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    server(certificates(cert)?, PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?)
}

/// Whom outgoing connections trust: the certificates of this file, or without one those that browsers trust.
///
/// # Errors
/// The file cannot be read.
pub fn trusting(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(crypto()).with_safe_default_protocol_versions()?;
    let Some(ca) = ca else { return Ok(builder.with_webpki_roots().with_no_client_auth()) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|error| wrong(file, &error))?.collect();
    let certificates = certificates.map_err(|error| wrong(file, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::File { file: file.display().to_string(), why: "there is no certificate in it".to_owned() });
    }
    Ok(certificates)
}

fn wrong(file: &Path, error: &rustls_pki_types::pem::Error) -> TlsError {
    TlsError::File { file: file.display().to_string(), why: error.to_string() }
}

/// The names that a certificate needs: those of the issuers, and those of this machine for itself.
pub fn names<'a>(authorities: impl Iterator<Item = &'a str>, listening: IpAddr) -> Vec<String> {
    let host = |authority: &str| match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => authority.to_owned(),
    };
    let mut names: Vec<String> = authorities.map(|authority| host(authority).trim_matches(['[', ']']).to_owned()).collect();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    if !listening.is_unspecified() {
        names.push(listening.to_string());
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn names_come_without_ports() {
        let names = names(["op.example:8443", "[::1]:8443", "op.example"].into_iter(), Ipv4Addr::LOCALHOST.into());
        assert_eq!(names, ["127.0.0.1", "::1", "localhost", "op.example"]);
        assert!(made(names).is_ok());
    }
}
