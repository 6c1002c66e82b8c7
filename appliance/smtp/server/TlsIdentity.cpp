// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/TlsIdentity.h"

#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslDiffieHellmanParameters>
#include <QtNetwork/QSslKey>

#include <fcntl.h>
#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace portcullis::smtp {

namespace {

constexpr long tenYears = 10L * 365 * 24 * 3600;
/// Forward secrecy and AEAD for TLS 1.2; TLS 1.3 has nothing else.
constexpr char cipherString[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

template<auto function>
struct Freeing {
    template<typename T>
    void operator()(T *object) const
    {
        function(object);
    }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freeing<X509_free>>;
using Extension509 = std::unique_ptr<X509_EXTENSION, Freeing<X509_EXTENSION_free>>;
using MemoryBio = std::unique_ptr<BIO, Freeing<BIO_free_all>>;

Error creationError(const char *what)
{
    return Error::transient("tls.create", QString::fromLatin1(what));
}

bool addExtension(X509 *certificate, int nid, const QByteArray &value)
{
    X509V3_CTX context{};
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Extension509 extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.constData()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool setRandomSerial(X509 *certificate)
{
    uint64_t serial = 0;
    return RAND_bytes(reinterpret_cast<unsigned char *>(&serial), sizeof serial) == 1  // NOLINT
           && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

bool setName(X509 *certificate, const QByteArray &hostName)
{
    // X.520 ub-common-name: 64 octets; the whole name stands in subjectAltName anyway (RFC 6125).
    const QByteArray commonName = hostName.left(64);
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_UTF8,
               reinterpret_cast<const unsigned char *>(commonName.constData()),  // NOLINT
               static_cast<int>(commonName.size()), -1, 0)
               == 1
           && X509_set_issuer_name(certificate, name) == 1;
}

Certificate selfSigned(EVP_PKEY *key, const QByteArray &hostName)
{
    Certificate certificate(X509_new());
    X509 *raw = certificate.get();
    const bool isMade = raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1
                        && setRandomSerial(raw)
                        && X509_gmtime_adj(X509_getm_notBefore(raw), -3600) != nullptr
                        && X509_gmtime_adj(X509_getm_notAfter(raw), tenYears) != nullptr
                        && X509_set_pubkey(raw, key) == 1 && setName(raw, hostName)
                        && addExtension(raw, NID_basic_constraints, "critical,CA:FALSE")
                        && addExtension(raw, NID_ext_key_usage, "serverAuth,clientAuth")
                        && addExtension(raw, NID_subject_alt_name, "DNS:" + hostName)
                        && X509_sign(raw, key, EVP_sha256()) > 0;
    return isMade ? std::move(certificate) : Certificate();
}

Result<QByteArray> selfSignedPem(const QByteArray &hostName)
{
    for (const char c : hostName) {
        // The name goes through OpenSSL's little configuration language below.
        if (c <= ' ' || c == ',' || c == ':' || c == ';' || c == '@' || c == '"' || c == '\\') {
            return Error::permanent("tls.create", QStringLiteral("not a host name: ")
                                                      + QString::fromLatin1(hostName));
        }
    }
    const PrivateKey key(EVP_EC_gen("P-256"));
    const Certificate certificate = key ? selfSigned(key.get(), hostName) : Certificate();
    const MemoryBio bio(BIO_new(BIO_s_mem()));
    if (!certificate || !bio
        || PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr)
               != 1
        || PEM_write_bio_X509(bio.get(), certificate.get()) != 1) {
        return creationError("OpenSSL could not make a certificate");
    }
    char *data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return QByteArray(data, length);
}

QSslKey readKey(const QByteArray &pem)
{
    for (const auto algorithm : {QSsl::Ec, QSsl::Rsa, QSsl::Dsa}) {
        QSslKey key(pem, algorithm);
        if (!key.isNull()) {
            return key;
        }
    }
    return {};
}

/// QSslConfiguration does not tell whether key and certificate match; OpenSSL does.
bool isPair(const QByteArray &pem)
{
    const MemoryBio keyBio(BIO_new_mem_buf(pem.constData(), static_cast<int>(pem.size())));
    const MemoryBio certificateBio(BIO_new_mem_buf(pem.constData(), static_cast<int>(pem.size())));
    // An empty password instead of a prompt on the terminal.
    char noPassword[] = "";
    const PrivateKey key(
        PEM_read_bio_PrivateKey(keyBio.get(), nullptr, nullptr, static_cast<char *>(noPassword)));
    const Certificate certificate(
        PEM_read_bio_X509(certificateBio.get(), nullptr, nullptr, static_cast<char *>(noPassword)));
    return key && certificate && X509_check_private_key(certificate.get(), key.get()) == 1;
}

/// Switches renegotiation off for all TLS of this process, clients included: a peer could ask for
/// one handshake after the other on one connection.
///
/// Qt gives no way to the option, so it goes into the library's default for new contexts, where
/// the system's openssl.cnf would put it.
Status forbidRenegotiation()
{
    static const bool isDone = [] {
        static constexpr char defaults[] = "openssl_conf = portcullis\n"
                                           "[portcullis]\nssl_conf = contexts\n"
                                           "[contexts]\nsystem_default = all\n"
                                           "[all]\nMinProtocol = TLSv1.2\n"
                                           "Options = NoRenegotiation,ServerPreference\n";
        OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, nullptr);  // the system's file comes first
        const MemoryBio bio(BIO_new_mem_buf(defaults, -1));
        const std::unique_ptr<CONF, Freeing<NCONF_free>> conf(NCONF_new(nullptr));
        return bio && conf && NCONF_load_bio(conf.get(), bio.get(), nullptr) == 1
               && CONF_modules_load(conf.get(), nullptr, 0) == 1;
    }();
    return isDone ? ok() : Status(creationError("OpenSSL did not take its defaults"));
}

Status writeWhole(int file, const QByteArray &pem)
{
    if (::write(file, pem.constData(), static_cast<size_t>(pem.size())) != pem.size()
        || ::fsync(file) != 0) {
        return Error::fromErrno("tls.create", QStringLiteral("writing a certificate"), errno);
    }
    return ok();
}

}  // namespace

TlsIdentity::TlsIdentity(const QSslConfiguration &configuration)
    : m_configuration(configuration)
{
}

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return Error::transient("tls.unreadable", path + QStringLiteral(": ") + file.errorString());
    }
    const QByteArray pem = file.readAll();
    const QList<QSslCertificate> chain = QSslCertificate::fromData(pem, QSsl::Pem);
    const QSslKey key = readKey(pem);
    if (chain.isEmpty() || key.isNull() || !isPair(pem)) {
        return Error::permanent(
            "tls.certificate",
            path
                + (chain.isEmpty() ? QStringLiteral(": no certificate in PEM form")
                   : key.isNull()  ? QStringLiteral(": no unencrypted private key in PEM form")
                                   : QStringLiteral(": key and certificate do not match")));
    }
    QSslConfiguration configuration;
    configuration.setLocalCertificateChain(chain);
    configuration.setPrivateKey(key);
    configuration.setProtocol(QSsl::TlsV1_2OrLater);
    // Client certificates mean nothing to us: not asked for, so none can be a burden.
    configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
    configuration.setCaCertificates({});
    // Each session has a context of its own, so a ticket could never be redeemed, least of all at
    // another listener.
    configuration.setSslOption(QSsl::SslOptionDisableSessionTickets, true);
    configuration.setSslOption(QSsl::SslOptionDisableSessionSharing, true);
    configuration.setSslOption(QSsl::SslOptionDisableSessionPersistence, true);
    configuration.setSslOption(QSsl::SslOptionDisableLegacyRenegotiation, true);
    configuration.setBackendConfigurationOption("CipherString", QByteArray(cipherString));
    // Qt's own parameters have 1,024 bits; without any there is no finite-field Diffie-Hellman.
    configuration.setDiffieHellmanParameters(QSslDiffieHellmanParameters());
    TRY(forbidRenegotiation());
    return std::shared_ptr<const TlsIdentity>(new TlsIdentity(configuration));
}

Status TlsIdentity::createSelfSigned(const QString &path, const QByteArray &hostName)
{
    const QByteArray pem = TRY(selfSignedPem(hostName));
    const QByteArray target = QFile::encodeName(path);
    QByteArray aside = target + ".XXXXXX";
    const int file = ::mkstemp(aside.data());  // 0600
    if (file < 0) {
        return Error::fromErrno("tls.create", path, errno);
    }
    Status written = writeWhole(file, pem);
    ::close(file);
    // link() does not replace: whoever was first has made the certificate of this host.
    if (written && ::link(aside.constData(), target.constData()) != 0 && errno != EEXIST) {
        written = Error::fromErrno("tls.create", path, errno);
    }
    ::unlink(aside.constData());
    return written;
}

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::loadOrCreate(const QString &path,
                                                                     const QByteArray &hostName)
{
    if (!QFileInfo::exists(path)) {
        TRY(createSelfSigned(path, hostName));
    }
    return load(path);
}

}  // namespace portcullis::smtp
