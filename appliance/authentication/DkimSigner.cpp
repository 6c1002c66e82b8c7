// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/DkimSigner.h"

#include "appliance/authentication/OpendkimApi.h"
#include "appliance/authentication/ReceivedMessage.h"
#include "appliance/authentication/SignatureField.h"
#include "appliance/authentication/TagList.h"

#include <QtCore/QByteArrayList>
#include <QtCore/QDateTime>

#include <algorithm>
#include <array>

namespace portcullis::authentication {

namespace {

/// Signed as often as they occur, and once more, so that no second one can be added: what people see,
/// and what decides how a message is read or answered.
constexpr std::array c_oversigned{"From",       "To",           "Subject",      "Date",
                                  "Message-ID", "Content-Type", "MIME-Version", "Reply-To",
                                  "Cc",         "References",   "In-Reply-To"};

/// Signed where they occur; some mail systems on the way add them where they were missing.
constexpr std::array c_signedOnly{"Sender", "Content-Transfer-Encoding", "List-Unsubscribe",
                                  "List-Unsubscribe-Post", "List-Id"};

constexpr size_t c_nameLength = 16;  // "DKIM-Signature: "

struct LibraryClose {
    void operator()(DKIM_LIB *library) const { dkim_close(library); }
};
struct SessionFree {
    void operator()(DKIM *session) const { dkim_free(session); }
};

u_char *writable(QByteArrayView bytes)
{
    return const_cast<u_char *>(reinterpret_cast<const u_char *>(bytes.data()));
}

Error signError(const char *what, DKIM_STAT status)
{
    return Error::permanent("dkim.sign",
                            QStringLiteral("%1: %2").arg(QLatin1String(what),
                                                         QLatin1String(dkim_getresultstr(status))));
}

bool isWanted(const mail::HeaderField &field)
{
    const auto isNamed = [&](const char *name) { return field.isNamed(name); };
    return std::any_of(c_oversigned.begin(), c_oversigned.end(), isNamed)
           || std::any_of(c_signedOnly.begin(), c_signedOnly.end(), isNamed);
}

// h= for our own signatures: every wanted field, and one more of those that must not be added.
QByteArray signedNames(const ReceivedMessage &message)
{
    QByteArrayList names;
    for (const mail::HeaderField &field : message.fields()) {
        if (isWanted(field)) {
            names << field.name().toByteArray();
        }
    }
    for (const char *name : c_oversigned) {
        names << name;
    }
    constexpr qsizetype c_namesPerLine = 5;
    for (qsizetype i = c_namesPerLine; i < names.size(); i += c_namesPerLine) {
        names[i].prepend("\r\n\t");
    }
    return names.join(':');
}

// The library only ever sees fields that shall be signed, so it needs no list of them.
std::unique_ptr<DKIM_LIB, LibraryClose> openLibrary()
{
    std::unique_ptr<DKIM_LIB, LibraryClose> library(dkim_init(nullptr, nullptr));
    if (library) {
        std::array<const char *, c_oversigned.size() + 1> names{};
        std::copy(c_oversigned.begin(), c_oversigned.end(), names.begin());
        dkim_options(library.get(), DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS, names.data(),
                     sizeof(char **));
    }
    return library;
}

// Feeds header and body; the status of the step that failed.
DKIM_STAT feedMessage(DKIM *session, const ReceivedMessage &message)
{
    for (const mail::HeaderField &field : message.fields()) {
        if (!isWanted(field)) {
            continue;
        }
        const QByteArrayView octets = message.octets(field);
        const DKIM_STAT status = dkim_header(session, writable(octets),
                                             static_cast<size_t>(octets.size()));
        if (status != DKIM_STAT_OK) {
            return status;
        }
    }
    DKIM_STAT status = dkim_eoh(session);
    if (status == DKIM_STAT_OK && !message.body().isEmpty()) {
        status = dkim_body(session, writable(message.body()),
                           static_cast<size_t>(message.body().size()));
    }
    return status == DKIM_STAT_OK ? dkim_eom(session, nullptr) : status;
}

// The library folds with LF and a tab.
QByteArray withCrlf(QByteArrayView text)
{
    QByteArray result = text.toByteArray();
    result.replace("\r\n", "\n");
    return result.replace('\n', "\r\n");
}

}  // namespace

DkimSigner::DkimSigner(DkimKey key, QByteArray selector, QByteArray domain)
    : m_key(std::move(key))
    , m_selector(std::move(selector))
    , m_domain(std::move(domain))
{
}

Result<DkimSigner> DkimSigner::create(DkimKey key,
                                      const QByteArray &selector,
                                      const QByteArray &domain)
{
    if (!isSelector(selector)) {
        return Error::permanent("dkim.selector", QStringLiteral("not a selector: ")
                                                     + QString::fromUtf8(printable(selector)));
    }
    if (!isDomainName(domain)) {
        return Error::permanent("dkim.domain", QStringLiteral("not a domain: ")
                                                   + QString::fromUtf8(printable(domain)));
    }
    return DkimSigner(std::move(key), selector, domain.toLower());
}

Result<QByteArray> DkimSigner::sign(QByteArrayView message) const
{
    const ReceivedMessage parsed(message, AuthenticationLimits());
    if (parsed.fieldsNamed("From").empty()) {
        return Error::permanent("dkim.sign", QStringLiteral("the message has no From"));
    }
    for (const mail::HeaderField &field : parsed.fields()) {
        // libopendkim would sign the field up to there only.
        if (isWanted(field) && field.rawValue().contains('\0')) {
            return Error::permanent("dkim.sign", QStringLiteral("NUL in the header"));
        }
    }
    if (parsed.isOverLimit()) {
        return Error::permanent("dkim.sign", QStringLiteral("the header is too large"));
    }
    return m_key.kind() == DkimKey::Kind::Rsa
               ? signRsa(parsed)
               : signEd25519(parsed, message.first(message.size() - parsed.body().size()));
}

Result<QByteArray> DkimSigner::signRsa(const ReceivedMessage &message) const
{
    const auto library = openLibrary();
    if (!library) {
        return Error::permanent("dkim.sign", QStringLiteral("libopendkim does not start"));
    }
    const QByteArray pem = m_key.toPem();
    DKIM_STAT status = DKIM_STAT_OK;
    const std::unique_ptr<DKIM, SessionFree> session(
        dkim_sign(library.get(), writable("m"), nullptr, writable(pem), writable(m_selector),
                  writable(m_domain), DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, DKIM_SIGN_RSASHA256,
                  -1, &status));
    if (!session) {
        return signError("begin", status);
    }
    status = feedMessage(session.get(), message);
    if (status != DKIM_STAT_OK) {
        return signError("message", status);
    }
    u_char *value = nullptr;
    size_t length = 0;
    status = dkim_getsighdr_d(session.get(), c_nameLength, &value, &length);
    if (status != DKIM_STAT_OK) {
        return signError("signature", status);
    }
    return "DKIM-Signature: "
           + withCrlf(QByteArrayView(reinterpret_cast<const char *>(value),
                                     static_cast<qsizetype>(length)))
           + "\r\n";
}

// libopendkim signs with Ed25519 as well, but leaks the key each time.
Result<QByteArray> DkimSigner::signEd25519(const ReceivedMessage &message,
                                           QByteArrayView header) const
{
    const QByteArray begin = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d="
                             + m_domain + ";\r\n\ts=" + m_selector
                             + "; t=" + QByteArray::number(QDateTime::currentSecsSinceEpoch())
                             + ";\r\n\th=" + signedNames(message) + ";\r\n\tbh="
                             + hashBody(message.body(), Canonicalization::Relaxed).digest.toBase64()
                             + ";\r\n\tb=";
    // What is hashed has no b=, so that anything may stand there while the field is read.
    QByteArray unsignedHeader = begin + "AAAA\r\n";
    unsignedHeader.append(header);
    const AuthenticationLimits limits;
    const ReceivedMessage whole(unsignedHeader, limits);
    const SignatureField field = readSignature(whole.fields().front(), SignatureKind::Dkim, limits);
    const QByteArray signature = field.state == SignatureField::State::Usable
                                     ? m_key.signEd25519(headerDigest(whole, field))
                                     : QByteArray();
    if (signature.isEmpty()) {
        return Error::permanent("dkim.sign", QStringLiteral("the message cannot be signed: ")
                                                 + QString::fromLatin1(field.reason));
    }
    return begin + signature.toBase64() + "\r\n";
}

}  // namespace portcullis::authentication
