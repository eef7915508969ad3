//! Reads what a server behind something needs: headers, certificates, the proxy.

use std::fs;
use std::path::Path;

use rqbit_client::{AccessOptions, ClientIdentity, ExtraHeader, Proxy, RootCertificates};

use super::secret_source::{SecretSource, split_header};
use super::{Loaded, Problem, ServerSection};

/// Maximum size of a PEM file. The roots of a whole system have about 250 KB.
const PEM_BYTES_MAX: u64 = 4 << 20;

const FILE_HINT: &str = "the file must exist and be readable by this user";

impl Loaded {
    /// Reads the files and variables that a server's settings name.
    ///
    /// # Errors
    /// If one cannot be read, or its contents cannot be used.
    pub(super) fn access(&self, server: &ServerSection) -> Result<AccessOptions, Problem> {
        let mut headers = Vec::new();
        for text in &server.headers {
            headers.push(self.header(text.expose(), server, &headers)?);
        }
        let mut access = AccessOptions { headers, ..AccessOptions::default() };
        if let Some(text) = &server.proxy {
            access.proxy = Some(self.proxy(text.expose())?);
        }
        if let Some(path) = &server.ca_file {
            access.extra_roots = roots(path)?;
        }
        access.identity = identity(server)?;
        Ok(access)
    }

    fn header(
        &self,
        text: &str,
        server: &ServerSection,
        others: &[ExtraHeader],
    ) -> Result<ExtraHeader, Problem> {
        let (name, source) = split_header(text);
        let value = source.read(&self.variables).map_err(|error| {
            let message = format!("no value for the header {name}: cannot {error}");
            problem(message).hint("set the variable, or write the value to the file's first line")
        })?;
        let header = ExtraHeader::new(name, value.expose())
            .map_err(|error| problem(format!("cannot {error}")))?;
        if others.iter().any(|other| other.name() == header.name()) {
            return Err(problem(format!("the header {name} is given twice")).hint("remove one"));
        }
        if header.name() == "authorization" && server.username.is_some() {
            let message = "the header Authorization and a user name exclude each other";
            return Err(problem(message).hint("remove one of them"));
        }
        Ok(header)
    }

    fn proxy(&self, text: &str) -> Result<Proxy, Problem> {
        let source = SecretSource::of(text);
        let value = source.read(&self.variables).map_err(|error| {
            problem(format!("no address of the proxy: cannot {error}"))
                .hint("set the variable, or write the address to the file's first line")
        })?;
        value.expose().parse().map_err(|error| {
            problem(format!("cannot {error}")).hint("a proxy has the form http://host:3128")
        })
    }
}

fn roots(path: &Path) -> Result<RootCertificates, Problem> {
    let pem = read(path, "the CA certificates")?;
    let mut roots = RootCertificates::default();
    roots.add_pem(&pem).map_err(|error| {
        let error = error.to_string();
        let reason = error.split_once(": ").map_or(&*error, |(_, reason)| reason);
        let message = format!("cannot use the CA certificates in {}: {reason}", path.display());
        problem(message).hint(
            "the file must have certificates in PEM form, which begin with -----BEGIN \
             CERTIFICATE-----",
        )
    })?;
    Ok(roots)
}

fn identity(server: &ServerSection) -> Result<Option<ClientIdentity>, Problem> {
    let Some(certificate) = &server.client_cert else {
        return match &server.client_key {
            None => Ok(None),
            Some(_) => Err(problem("a client key without a client certificate")
                .hint("name the certificate with `client_cert` or --client-cert")),
        };
    };
    let pem = read(certificate, "the client certificate")?;
    let key = match &server.client_key {
        Some(key) => read(key, "the client key")?,
        None => pem.clone(),
    };
    let identity = ClientIdentity::from_pem(&pem, &key).map_err(|error| {
        let (what, path) = match &server.client_key {
            Some(key) if error.is_about_key() => ("client key", key),
            None if error.is_about_key() => {
                let message = format!("no usable private key in {}", certificate.display());
                let hint = "name the file of the key with `client_key` or --client-key";
                return problem(format!("{message}: {}", error.reason())).hint(hint);
            }
            _ => ("client certificate", certificate),
        };
        let message = format!("cannot use the {what} in {}: {}", path.display(), error.reason());
        problem(message).hint(hint_for(error))
    })?;
    Ok(Some(identity))
}

fn hint_for(error: rqbit_client::ClientIdentityError) -> &'static str {
    use rqbit_client::ClientIdentityError as Reason;

    match error {
        Reason::NoCertificate | Reason::Certificate => {
            "the file must have a certificate in PEM form, which begins with -----BEGIN \
             CERTIFICATE-----"
        }
        Reason::NoKey | Reason::UnusableKey => {
            "the file must have a private key in PEM form, which begins with -----BEGIN PRIVATE \
             KEY-----"
        }
        Reason::EncryptedKey => {
            "decrypt it into a file that only this user can read: openssl pkey -in KEY -out \
             DECRYPTED"
        }
        Reason::Mismatch => {
            "use the key that the certificate was made with; both commands print the same then: \
             openssl x509 -noout -pubkey -in CERT, openssl pkey -pubout -in KEY"
        }
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Problem> {
    let unusable = |reason: String| {
        problem(format!("cannot read {what} in {}: {reason}", path.display())).hint(FILE_HINT)
    };
    let length = fs::metadata(path).map_err(|error| unusable(error.to_string()))?.len();
    if length > PEM_BYTES_MAX {
        return Err(unusable("the file is too large".to_owned()));
    }
    fs::read(path).map_err(|error| unusable(error.to_string()))
}

fn problem(message: impl Into<String>) -> Problem {
    Problem { place: None, message: message.into(), hint: None }
}
