// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/OpendkimSession.h"

#include "appliance/authentication/OpendkimApi.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace portcullis::authentication {

namespace {

constexpr qsizetype c_longestKeyRecord = 1000;
constexpr qsizetype c_longestFieldList = 4000;
constexpr qsizetype c_bodyChunk = 1024 * 1024;

struct DkimFree {
    void operator()(DKIM *session) const { dkim_free(session); }
};
using DkimPtr = std::unique_ptr<DKIM, DkimFree>;

// libopendkim takes everything as unsigned char * that is not const, and changes none of it.
u_char *unconst(QByteArrayView bytes)
{
    return const_cast<u_char *>(reinterpret_cast<const u_char *>(bytes.data()));
}

// What the library gets to read instead of the record: checked by us, without the parts that it would
// interpret in its own way (g=, n=, unknown tags).
QByteArray keyText(const KeyRecord &key)
{
    return (key.kind == KeyRecord::Kind::Rsa ? "v=DKIM1; k=rsa; p=" : "v=DKIM1; k=ed25519; p=")
           + key.base64;
}

// No NUL, and no CR or LF but in folding.
bool isPlain(QByteArrayView value)
{
    for (qsizetype i = 0; i < value.size(); ++i) {
        const bool isFold = value[i] == '\r' && i + 1 < value.size() && value[i + 1] == '\n';
        if (!isFold && (value[i] == '\r' || value[i] == '\n' || value[i] == '\0')) {
            return false;
        }
        i += isFold ? 1 : 0;
    }
    return true;
}

bool equalsIgnoringCase(const u_char *text, const QByteArray &name)
{
    return text && name.compare(reinterpret_cast<const char *>(text), Qt::CaseInsensitive) == 0;
}

DKIM_CBSTAT lookUpKey(DKIM *session, DKIM_SIGINFO *info, u_char *buffer, size_t size)
{
    const auto *candidates = static_cast<const std::vector<KeyedSignature> *>(
        dkim_get_user_context(session));
    for (const KeyedSignature &candidate : *candidates) {
        if (!equalsIgnoringCase(dkim_sig_getselector(info), candidate.signature->selector)
            || !equalsIgnoringCase(dkim_sig_getdomain(info), candidate.signature->domain)) {
            continue;
        }
        const QByteArray text = keyText(*candidate.key);
        if (static_cast<size_t>(text.size()) >= size) {
            return DKIM_CBSTAT_ERROR;
        }
        std::memcpy(buffer, text.constData(), static_cast<size_t>(text.size()) + 1);
        return DKIM_CBSTAT_CONTINUE;
    }
    return DKIM_CBSTAT_NOTFOUND;
}

// Fields that some signature covers or is, in the order of the message.
std::vector<const mail::HeaderField *> relevantFields(const ReceivedMessage &message,
                                                      const std::vector<KeyedSignature> &candidates)
{
    std::set<QByteArray> names;
    std::set<const mail::HeaderField *> signatures;
    for (const KeyedSignature &candidate : candidates) {
        signatures.insert(candidate.signature->field);
        names.insert(candidate.signature->signedNames.begin(),
                     candidate.signature->signedNames.end());
    }
    std::vector<const mail::HeaderField *> fields;
    for (const mail::HeaderField &field : message.fields()) {
        const bool isSignature = field.isNamed(DKIM_SIGNHEADER);
        if (isSignature ? signatures.count(&field) > 0
                        : names.count(field.name().toByteArray().toLower()) > 0) {
            fields.push_back(&field);
        }
    }
    return fields;
}

SignatureCheck outcomeOf(DKIM_SIGINFO *info)
{
    const unsigned int flags = dkim_sig_getflags(info);
    if ((flags & DKIM_SIGFLAG_PROCESSED) == 0) {
        return SignatureCheck::Unable;
    }
    const int body = dkim_sig_getbh(info);
    if ((flags & DKIM_SIGFLAG_PASSED) != 0 && body == DKIM_SIGBH_MATCH) {
        return SignatureCheck::Good;
    }
    if (body == DKIM_SIGBH_MISMATCH) {
        return SignatureCheck::BodyChanged;
    }
    return dkim_sig_geterror(info) == DKIM_SIGERROR_BADSIG ? SignatureCheck::HeaderChanged
                                                           : SignatureCheck::Unable;
}

// Feeds the message; false if the library gave up on it.
bool feed(DKIM *session,
          const ReceivedMessage &message,
          const std::vector<const mail::HeaderField *> &fields)
{
    for (const mail::HeaderField *field : fields) {
        const QByteArrayView octets = message.octets(*field);
        if (dkim_header(session, unconst(octets), static_cast<size_t>(octets.size()))
            != DKIM_STAT_OK) {
            return false;
        }
    }
    const DKIM_STAT headerEnd = dkim_eoh(session);
    if (headerEnd != DKIM_STAT_OK && headerEnd != DKIM_STAT_NOSIG) {
        return false;
    }
    QByteArrayView body = message.body();
    while (!body.isEmpty()) {
        const QByteArrayView chunk = body.first(std::min(body.size(), c_bodyChunk));
        if (dkim_body(session, unconst(chunk), static_cast<size_t>(chunk.size())) != DKIM_STAT_OK) {
            return false;
        }
        body = body.sliced(chunk.size());
    }
    // The status says whether the first signature is good; each one's own is read afterwards.
    (void)dkim_eom(session, nullptr);
    return true;
}

}  // namespace

OpendkimLibrary::OpendkimLibrary(const AuthenticationLimits &limits)
    : m_library(dkim_init(nullptr, nullptr))
{
    if (!m_library) {
        return;
    }
    unsigned int flags = DKIM_LIBFLAGS_BADSIGHANDLES;
    auto bits = static_cast<unsigned int>(limits.minimumKeyBits);
    // Times are checked before, on our clock.
    auto drift = static_cast<uint64_t>(limits.clockSkew.count());
    dkim_options(m_library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof flags);
    dkim_options(m_library, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof bits);
    dkim_options(m_library, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof drift);
    dkim_set_key_lookup(m_library, &lookUpKey);
}

OpendkimLibrary::~OpendkimLibrary()
{
    if (m_library) {
        dkim_close(m_library);
    }
}

bool OpendkimLibrary::fits(const ReceivedMessage &message, const KeyedSignature &candidate)
{
    const SignatureField &signature = *candidate.signature;
    if (!message.hasPlainLines() || keyText(*candidate.key).size() > c_longestKeyRecord
        || signature.tags.value("h").size() > c_longestFieldList
        || !isPlain(signature.field->rawValue())) {
        return false;
    }
    const auto fields = message.select(signature.signedNames);
    return std::all_of(fields.begin(), fields.end(), [](const mail::HeaderField *field) {
        return !field || isPlain(field->rawValue());
    });
}

std::vector<SignatureCheck> OpendkimLibrary::verify(
    const ReceivedMessage &message,
    const std::vector<KeyedSignature> &candidates) const
{
    std::vector<SignatureCheck> outcomes(candidates.size(), SignatureCheck::Unable);
    if (!m_library || candidates.empty()) {
        return outcomes;
    }
    DKIM_STAT status = DKIM_STAT_OK;
    const DkimPtr session(dkim_verify(m_library, unconst("m"), nullptr, &status));
    if (!session) {
        return outcomes;
    }
    // The callback reads the candidates while the message is fed, never later.
    dkim_set_user_context(session.get(), const_cast<std::vector<KeyedSignature> *>(&candidates));
    if (!feed(session.get(), message, relevantFields(message, candidates))) {
        return outcomes;
    }
    DKIM_SIGINFO **infos = nullptr;
    int count = 0;
    if (dkim_getsiglist(session.get(), &infos, &count) != DKIM_STAT_OK
        || static_cast<size_t>(count) != candidates.size()) {
        return outcomes;
    }
    for (size_t i = 0; i < candidates.size(); ++i) {
        if ((dkim_sig_getflags(infos[i]) & DKIM_SIGFLAG_PROCESSED) == 0) {
            (void)dkim_sig_process(session.get(), infos[i]);
        }
        outcomes[i] = outcomeOf(infos[i]);
    }
    return outcomes;
}

}  // namespace portcullis::authentication
