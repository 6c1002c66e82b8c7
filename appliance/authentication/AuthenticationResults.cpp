// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/AuthenticationResults.h"

#include "appliance/authentication/TagList.h"

#include <QtCore/QList>

#include <algorithm>

namespace portcullis::authentication {

namespace {

constexpr qsizetype c_lineLength = 78;
constexpr qsizetype c_longestValue = 250;

// RFC 2045 §5.1 token.
bool isTokenChar(char c)
{
    return c > ' ' && c <= '~' && !QByteArrayView("()<>@,;:\\\"/[]?=").contains(c);
}

bool isToken(QByteArrayView text)
{
    return !text.isEmpty() && std::all_of(text.begin(), text.end(), isTokenChar);
}

QByteArray quoted(QByteArrayView text)
{
    QByteArray result("\"");
    for (const char c : printable(text, c_longestValue)) {
        if (c == '"' || c == '\\') {
            result.append('\\');
        }
        result.append(c);
    }
    return result + '"';
}

// RFC 8601 §2.2 pvalue: a token, local-part "@" domain-name, or a quoted string.
QByteArray propertyValue(QByteArrayView text)
{
    const qsizetype at = text.lastIndexOf('@');
    const bool isPlain = text.size() <= c_longestValue
                         && (isToken(text)
                             || (at >= 0 && (at == 0 || isToken(text.first(at)))
                                 && isToken(text.sliced(at + 1))));
    return isPlain ? text.toByteArray() : quoted(text);
}

// A comment must not end before it ends.
QByteArray comment(QByteArrayView text)
{
    QByteArray result = printable(text, c_longestValue);
    for (char &c : result) {
        c = c == '(' || c == ')' || c == '\\' ? '?' : c;
    }
    return '(' + result + ')';
}

/// Joins words to a field of lines that are not too long.
class FieldWriter
{
public:
    explicit FieldWriter(const QByteArray &name)
        : m_text(name + ':')
        , m_column(m_text.size())
    {
    }

    FieldWriter &add(const QByteArray &word)
    {
        if (m_column + 1 + word.size() > c_lineLength) {
            return addOnNewLine(word);
        }
        m_text.append(' ').append(word);
        m_column += 1 + word.size();
        return *this;
    }

    FieldWriter &addOnNewLine(const QByteArray &word)
    {
        m_text.append("\r\n ").append(word);
        m_column = 1 + word.size();
        return *this;
    }

    FieldWriter &property(const char *name, QByteArrayView value)
    {
        return value.isEmpty() ? *this : add(QByteArray(name) + '=' + propertyValue(value));
    }

    FieldWriter &reason(QByteArrayView text)
    {
        return text.isEmpty() ? *this : addText("reason=" + quoted(text));
    }

    /// Breaks the words of a comment or quoted string, where blanks may be folded.
    FieldWriter &addText(const QByteArray &text)
    {
        for (const QByteArray &word : text.split(' ')) {
            add(word);
        }
        return *this;
    }

    /// Ends what came before and starts `method=result`.
    FieldWriter &method(const char *name, const char *result)
    {
        m_text.append(';');
        return addOnNewLine(QByteArray(name) + '=' + result);
    }

    [[nodiscard]] QByteArray finish() const { return m_text + "\r\n"; }

private:
    QByteArray m_text;
    qsizetype m_column;
};

void writeSpf(FieldWriter &writer, const verdict::SpfFinding &spf)
{
    writer.method("spf", verdict::nameOf(spf.result));
    writer.reason(spf.problem);
    writer.property(spf.isHelo ? "smtp.helo" : "smtp.mailfrom",
                    spf.isHelo ? spf.domain : spf.identity);
}

void writeDkim(FieldWriter &writer, const DkimFinding &signature)
{
    writer.method("dkim", nameOf(signature.result));
    if (signature.keyBits > 0) {
        writer.addText(comment(QByteArray::number(signature.keyBits) + "-bit key"
                               + (signature.isTesting ? ", testing" : "")));
    }
    writer.reason(signature.reason);
    writer.property("header.d", signature.domain);
    writer.property("header.i", signature.identity);
    writer.property("header.s", signature.selector);
    writer.property("header.a", signature.algorithm);
    writer.property("header.b", signature.signaturePrefix);
}

void writeArc(FieldWriter &writer, const ArcFinding &arc)
{
    writer.method("arc", nameOf(arc.result));
    if (!arc.sets.empty()) {
        writer.addText(comment("i=" + QByteArray::number(qulonglong(arc.sets.size())) + ' '
                               + arc.sets.back().sealer));
    }
    writer.reason(arc.reason);
    if (arc.result == ArcResult::Pass) {
        writer.property("header.oldest-pass", QByteArray::number(arc.oldestPass));
    }
}

void writeDmarc(FieldWriter &writer, const DmarcFinding &dmarc)
{
    writer.method("dmarc", nameOf(dmarc.result));
    if (!dmarc.record.isEmpty()) {
        writer.addText(
            comment(QByteArray(dmarc.isSubdomainPolicy ? "sp=" : "p=") + nameOf(dmarc.policy)
                    + " dis=" + nameOf(dmarc.disposition)
                    + (dmarc.excusedBy.isEmpty() ? QByteArray() : " arc=" + dmarc.excusedBy)));
    }
    writer.reason(dmarc.result == DmarcResult::None ? QByteArray() : dmarc.reason);
    writer.property("header.from", dmarc.fromDomain);
}

}  // namespace

QByteArray writeAuthenticationResults(const ResultsInput &input)
{
    FieldWriter writer("Authentication-Results");
    writer.add(isToken(input.authservId) ? input.authservId : quoted(input.authservId));
    const bool isEmpty = !input.spf && !input.findings && !input.reverseName;
    if (isEmpty) {
        return writer.add("; none").finish();
    }
    if (input.reverseName) {
        writer.method("iprev", input.reverseName->isEmpty() ? "fail" : "pass");
        writer.property("policy.iprev", input.clientAddress);
        if (!input.reverseName->isEmpty()) {
            writer.addText(comment(*input.reverseName));
        }
    }
    if (input.spf) {
        writeSpf(writer, *input.spf);
    }
    if (input.findings) {
        const Findings &findings = *input.findings;
        if (findings.dkim.empty()) {
            writer.method("dkim", "none");
        }
        for (const DkimFinding &signature : findings.dkim) {
            writeDkim(writer, signature);
        }
        writeArc(writer, findings.arc);
        if (input.isDmarcWanted) {
            writeDmarc(writer, findings.dmarc);
        }
    }
    return writer.finish();
}

QByteArray writeReceivedSpf(const verdict::SpfFinding &spf,
                            const QByteArray &clientAddress,
                            const QByteArray &helo,
                            const QByteArray &receiver)
{
    FieldWriter writer("Received-SPF");
    writer.add(verdict::nameOf(spf.result));
    const QByteArray &why = spf.problem.isEmpty() ? spf.explanation : spf.problem;
    if (!why.isEmpty()) {
        writer.addText(comment(receiver + ": " + why));
    }
    const auto pair = [&](const char *name, const QByteArray &value) {
        if (!value.isEmpty()) {
            // RFC 7208 §9.1: dot-atom or quoted-string; an address is neither, so it is quoted.
            writer.add(QByteArray(name) + '=' + (isToken(value) ? value : quoted(value)) + ';');
        }
    };
    pair("client-ip", clientAddress);
    pair("envelope-from", spf.isHelo ? QByteArray() : spf.identity);
    pair("helo", helo);
    pair("receiver", receiver);
    pair("identity", spf.isHelo ? "helo" : "mailfrom");
    pair("mechanism", spf.mechanism);
    return writer.finish();
}

}  // namespace portcullis::authentication
