// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/Schema.h"

#include "shared/schema/DnsblEntry.h"

#include <QtCore/QByteArrayList>
#include <QtCore/QRegularExpression>
#include <QtCore/QStringConverter>
#include <QtNetwork/QHostAddress>

#include <algorithm>
#include <array>

namespace portcullis::schema {

namespace {

constexpr qsizetype maxDnsName = 253;  // RFC 1035 §2.3.4, without the trailing dot
constexpr qsizetype maxDnsLabel = 63;
constexpr qsizetype maxEmail = 512;

bool isAlphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool isDnsLabel(QByteArrayView label)
{
    return !label.isEmpty() && label.size() <= maxDnsLabel && label.front() != '-'
           && label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
                  return isAlphanumeric(c) || c == '-' || c == '_';
              });
}

Error wrong(const KeySpec &spec, QByteArrayView text, const QString &reason)
{
    constexpr qsizetype shown = 60;  ///< A pasted certificate must not fill the log.
    const QString value = QString::fromUtf8(text.first(std::min(text.size(), shown)));
    return Error::permanent(
        "config.value", QStringLiteral("'%1' %2; allowed: %3")
                            .arg(value + (text.size() > shown ? QStringLiteral("…") : QString()),
                                 reason, spec.typeText()));
}

Result<Value> parseBoolean(const KeySpec &spec, QByteArrayView text)
{
    static constexpr std::array yes{"1", "yes", "on", "true"};
    static constexpr std::array no{"0", "no", "off", "false"};
    const auto is = [&text](const char *word) {
        return text.compare(QByteArrayView(word), Qt::CaseInsensitive) == 0;
    };
    if (std::any_of(yes.begin(), yes.end(), is)) {
        return Value(true);
    }
    if (std::any_of(no.begin(), no.end(), is)) {
        return Value(false);
    }
    return wrong(spec, text, QStringLiteral("is neither yes nor no"));
}

Result<Value> parseInteger(const KeySpec &spec, QByteArrayView text)
{
    const bool isDigits = !text.isEmpty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c >= '0' && c <= '9';
    });
    if (!isDigits) {
        return wrong(spec, text, QStringLiteral("is not a whole number"));
    }
    bool fits = false;
    const qint64 number = text.toLongLong(&fits);
    if (!fits || number > spec.maximum) {
        return wrong(spec, text, QStringLiteral("is too large"));
    }
    if (number < spec.minimum) {
        return wrong(spec, text, QStringLiteral("is too small"));
    }
    return Value(number);
}

Result<Value> parseText(const KeySpec &spec, QByteArrayView text)
{
    QStringDecoder decoder(QStringConverter::Utf8, QStringConverter::Flag::Stateless);
    const QString decoded = decoder(text);
    if (decoder.hasError()) {
        return wrong(spec, {}, QStringLiteral("is not valid UTF-8"));
    }
    const auto isControl = [](QChar c) { return c.category() == QChar::Other_Control; };
    if (std::any_of(decoded.begin(), decoded.end(), isControl)) {
        return wrong(spec, text, QStringLiteral("holds a control character"));
    }
    if (decoded.size() > spec.maximum) {
        return wrong(spec, text, QStringLiteral("is too long"));
    }
    return Value(text.toByteArray());
}

Result<Value> parseChoice(const KeySpec &spec, QByteArrayView text)
{
    const QByteArrayList allowed = QByteArray(spec.choices).split('|');
    if (!allowed.contains(text.toByteArray())) {
        return wrong(spec, text, QStringLiteral("is not one of the choices"));
    }
    return Value(text.toByteArray());
}

bool isEmail(QByteArrayView text)
{
    const qsizetype at = text.lastIndexOf('@');
    const auto isForbidden = [](char c) {
        return static_cast<uchar>(c) <= 0x20 || c == 0x7f || c == '\\' || c == '@' || c == '<'
               || c == '>';
    };
    const QByteArrayView local = text.first(std::max<qsizetype>(at, 0));
    return at > 0 && text.size() <= maxEmail && isDnsName(text.sliced(at + 1))
           && std::none_of(local.begin(), local.end(), isForbidden);
}

QByteArrayView withoutBrackets(QByteArrayView text)
{
    return text.startsWith('[') && text.endsWith(']') ? text.sliced(1, text.size() - 2) : text;
}

bool isHost(QByteArrayView text)
{
    return isIpAddress(withoutBrackets(text)) || isDnsName(text);
}

bool isPath(QByteArrayView text)
{
    return text.size() > 1 && text.startsWith('/') && !text.endsWith('/') && !text.contains('\0')
           && text.size() < 4096;
}

bool isHttpProxy(QByteArrayView text)
{
    static const QRegularExpression form(QStringLiteral(
        "^https?://([^\\s/@]+@)?(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/?$"));
    return form.match(QString::fromUtf8(text)).hasMatch();
}

bool isLanguages(QByteArrayView text)
{
    static const QRegularExpression form(QStringLiteral("^(all|[a-z]{2}( [a-z]{2})*)$"));
    return form.match(QString::fromUtf8(text)).hasMatch();
}

bool isNetwork(QByteArrayView text)
{
    const qsizetype slash = text.indexOf('/');
    const QByteArrayView address = withoutBrackets(slash < 0 ? text : text.first(slash));
    if (!isIpAddress(address)) {
        return false;
    }
    bool isNumber = slash < 0;
    const int prefix = slash < 0 ? 0 : text.sliced(slash + 1).toInt(&isNumber);
    return isNumber && prefix >= 0 && prefix <= (address.contains(':') ? 128 : 32);
}

bool isPort(QByteArrayView text)
{
    bool isNumber = false;
    const int port = text.toInt(&isNumber);
    return isNumber && port >= 1 && port <= 65535;
}

bool isServer(QByteArrayView text)
{
    if (text.startsWith('[')) {
        const qsizetype close = text.indexOf(']');
        return close > 0 && isIpAddress(text.sliced(1, close - 1))
               && (close == text.size() - 1
                   || (text.at(close + 1) == ':' && isPort(text.sliced(close + 2))));
    }
    const qsizetype colon = text.indexOf(':');
    return isIpAddress(text)
           || (colon > 0 && isIpAddress(text.first(colon)) && isPort(text.sliced(colon + 1)));
}

bool isListOf(bool (*check)(QByteArrayView), QByteArrayView text, const char *separators)
{
    qsizetype start = 0;
    for (qsizetype i = 0; i <= text.size(); ++i) {
        const bool isEnd = i == text.size() || QByteArrayView(separators).contains(text.at(i));
        if (isEnd && i > start && !check(text.sliced(start, i - start))) {
            return false;
        }
        if (isEnd) {
            start = i + 1;
        }
    }
    return true;
}

bool fitsForm(ValueType type, QByteArrayView text)
{
    switch (type) {
    case ValueType::Email:
        return isEmail(text);
    case ValueType::Host:
        return isHost(text);
    case ValueType::DnsName:
        return isDnsName(text);
    case ValueType::Path:
        return isPath(text);
    case ValueType::HttpProxy:
        return isHttpProxy(text);
    case ValueType::Languages:
        return isLanguages(text);
    case ValueType::NetworkList:
        return isListOf(isNetwork, text, " \t,");
    case ValueType::ServerList:
        return isListOf(isServer, text, " \t,");
    case ValueType::DnsblList:  // See parseValue(), which says where the mistake is.
    case ValueType::Boolean:
    case ValueType::Integer:
    case ValueType::Text:
    case ValueType::Choice:
        break;
    }
    return true;
}

QString integerText(const KeySpec &spec)
{
    const QString unit = QString::fromUtf8(spec.unit);
    return QStringLiteral("whole number, %1 to %2%3")
        .arg(spec.minimum)
        .arg(spec.maximum)
        .arg(unit.isEmpty() ? QString() : QStringLiteral(" ") + unit);
}

}  // namespace

QString KeySpec::typeText() const
{
    switch (type) {
    case ValueType::Boolean:
        return QStringLiteral("1 or 0");
    case ValueType::Integer:
        return integerText(*this);
    case ValueType::Text:
        return QStringLiteral("one line of text, at most %1 characters").arg(maximum);
    case ValueType::Choice:
        return QString::fromUtf8(choices).replace(QLatin1Char('|'), QStringLiteral(", "));
    case ValueType::Email:
        return QStringLiteral("an address local@domain");
    case ValueType::Host:
        return QStringLiteral("a host name or an IP address");
    case ValueType::DnsName:
        return QStringLiteral("a DNS name");
    case ValueType::Path:
        return QStringLiteral("an absolute path of a file");
    case ValueType::HttpProxy:
        return QStringLiteral("http://host:port");
    case ValueType::Languages:
        return QStringLiteral("all, or two-letter codes separated by blanks");
    case ValueType::NetworkList:
        return QStringLiteral("IP addresses and networks (CIDR)");
    case ValueType::ServerList:
        return QStringLiteral("IP addresses, each with or without :port");
    case ValueType::DnsblList:
        return QStringLiteral("entries name[=filter][*weight]");
    }
    return {};
}

const KeySpec *SectionSpec::find(QByteArrayView key) const
{
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&key](const KeySpec &spec) { return key == spec.name; });
    return found == keys.end() ? nullptr : &*found;
}

const SectionSpec *findSection(QByteArrayView name)
{
    const auto sections = pmgConfSections();
    const auto found = std::find_if(sections.begin(), sections.end(),
                                    [&name](const SectionSpec &spec) { return name == spec.name; });
    return found == sections.end() ? nullptr : &*found;
}

Result<Value> parseValue(const KeySpec &spec, QByteArrayView text)
{
    switch (spec.type) {
    case ValueType::Boolean:
        return parseBoolean(spec, text);
    case ValueType::Integer:
        return parseInteger(spec, text);
    case ValueType::Choice:
        return parseChoice(spec, text);
    default:
        break;
    }
    auto value = TRY(parseText(spec, text));
    if (text.isEmpty()) {
        // An empty text is an answer ("no banner"); an empty host or path is a forgotten one.
        return spec.type == ValueType::Text ? Result<Value>(std::move(value))
                                            : wrong(spec, text, QStringLiteral("is empty"));
    }
    if (spec.type == ValueType::DnsblList) {
        if (const auto entries = parseDnsblEntries(text); !entries) {
            return wrong(spec, text, QStringLiteral("has a mistake at ") + entries.error().detail);
        }
    }
    if (!fitsForm(spec.type, text)) {
        return wrong(spec, text, QStringLiteral("has the wrong form"));
    }
    return value;
}

std::optional<Value> defaultOf(const KeySpec &spec)
{
    if (spec.defaultValue == nullptr) {
        return std::nullopt;
    }
    auto value = parseValue(spec, spec.defaultValue);
    Q_ASSERT_X(value.has_value(), spec.name, "the schema's own default is invalid");
    return value.take();
}

QByteArray toText(const Value &value)
{
    if (const bool *flag = std::get_if<bool>(&value)) {
        return *flag ? "1" : "0";
    }
    if (const qint64 *number = std::get_if<qint64>(&value)) {
        return QByteArray::number(*number);
    }
    return std::get<QByteArray>(value);
}

bool isDnsName(QByteArrayView text)
{
    if (text.isEmpty() || text.size() > maxDnsName) {
        return false;
    }
    qsizetype start = 0;
    for (qsizetype i = 0; i <= text.size(); ++i) {
        if (i == text.size() || text.at(i) == '.') {
            if (!isDnsLabel(text.sliced(start, i - start))) {
                return false;
            }
            start = i + 1;
        }
    }
    // 192.0.2.300 is a mistyped address, not a name: a top-level domain is never a number.
    const QByteArrayView last = text.sliced(text.lastIndexOf('.') + 1);
    return std::any_of(last.begin(), last.end(), [](char c) { return c < '0' || c > '9'; });
}

bool isIpAddress(QByteArrayView text)
{
    const auto isAddressCharacter = [](char c) {
        return isAlphanumeric(c) || c == ':' || c == '.';
    };
    QHostAddress address;
    // QHostAddress reads "1.2" as 1.0.0.2, as inet_aton does; people who write that mean something else.
    return text.size() <= 45 && std::all_of(text.begin(), text.end(), isAddressCharacter)
           && (text.contains(':') || std::count(text.begin(), text.end(), '.') == 3)
           && address.setAddress(QString::fromLatin1(text));
}

}  // namespace portcullis::schema
