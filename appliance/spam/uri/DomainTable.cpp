// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/uri/DomainTable.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/uri/Redirectors.h"
#include "appliance/spam/uri/UriCharacters.h"

#include <QtCore/QUrl>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

namespace portcullis::spam {

using uri::hexValue;
using uri::isDigit;
using uri::isLetter;
using uri::isSpace;
using uri::isWord;
using uri::lower;
using uri::startsCaseless;
using uri::toLower;

namespace {

struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};

using NameSet = std::unordered_set<std::string, NameHash, std::equal_to<>>;

std::string_view viewOf(QByteArrayView text)
{
    return {text.data(), static_cast<size_t>(text.size())};
}

/// RFC 1480: the states and territories below .us.
const NameSet &usStates()
{
    static const NameSet states{"ak", "al", "ar", "az", "ca", "co", "ct", "dc", "de", "fl", "ga",
                                "gu", "hi", "ia", "id", "il", "in", "ks", "ky", "la", "ma", "md",
                                "me", "mi", "mn", "mo", "ms", "mt", "nc", "nd", "ne", "nh", "nj",
                                "nm", "nv", "ny", "oh", "ok", "or", "pa", "pr", "ri", "sc", "sd",
                                "tn", "tx", "ut", "va", "vi", "vt", "wa", "wi", "wv", "wy"};
    return states;
}

bool contains(const NameSet &set, QByteArrayView name)
{
    return set.contains(viewOf(name));
}

/// Without doubled dots and dots at the ends.
QByteArray withPlainDots(QByteArrayView host)
{
    QByteArray result;
    result.reserve(host.size());
    for (const char c : host) {
        if (c != '.' || (!result.isEmpty() && !result.endsWith('.'))) {
            result.append(lower(c));
        }
    }
    if (result.endsWith('.')) {
        result.chop(1);
    }
    return result;
}

/// Escapes of printable ASCII: another canonical form has them resolved.
bool hasNeedlessEscape(QByteArrayView text)
{
    for (qsizetype at = 0; at + 2 < text.size(); ++at) {
        if (text[at] != '%') {
            continue;
        }
        const int high = hexValue(text[at + 1]);
        const int low = hexValue(text[at + 2]);
        if (high < 0 || low < 0) {
            continue;
        }
        const int value = high * 16 + low;
        if (value > 0x20 && value < 0x7f) {
            return true;
        }
    }
    return false;
}

bool isIpv4(QByteArrayView text)
{
    int octets = 0;
    qsizetype at = 0;
    while (octets < 4) {
        const qsizetype start = at;
        int value = 0;
        while (at < text.size() && isDigit(text[at]) && at - start < 3) {
            value = value * 10 + (text[at++] - '0');
        }
        const bool hasLeadingZero = at - start > 1 && text[start] == '0';
        if (at == start || value > 255 || hasLeadingZero) {
            return false;
        }
        ++octets;
        if (octets < 4 && (at >= text.size() || text[at++] != '.')) {
            return false;
        }
    }
    return at == text.size();
}

bool isIpv6(QByteArrayView text)
{
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (!text.contains(':') || text.size() >= qsizetype(buffer.size())) {
        return false;
    }
    std::ranges::copy(text, buffer.begin());
    in6_addr address{};
    return inet_pton(AF_INET6, buffer.data(), &address) == 1;
}

bool isPlainHost(QByteArrayView host)
{
    return std::ranges::all_of(host, [](char c) {
        return isWord(c) || c == '.' || c == ':' || c == '[' || c == ']' || c == '-';
    });
}

}  // namespace

struct DomainTable::Private {
    explicit Private(const UriSettings &wanted)
        : settings(wanted)
        , redirectors(wanted.limits.redirectorSteps)
    {
    }

    void read(NameSet &names, const RuleSet &rules, const char *directive);
    [[nodiscard]] bool isDelegated(std::span<const QByteArrayView> labels) const;

    UriSettings settings;
    NameSet topLevel;
    NameSet twoLevel;
    NameSet threeLevel;
    Redirectors redirectors;
    std::vector<QByteArray> problems;
};

void DomainTable::Private::read(NameSet &names, const RuleSet &rules, const char *directive)
{
    for (const Directive &line : rules.directive(directive)) {
        for (const QByteArray &name : line.value.simplified().split(' ')) {
            names.insert(toLower(name).toStdString());
        }
    }
}

/// Whether registrants get names below these labels (two to four of them).
bool DomainTable::Private::isDelegated(std::span<const QByteArrayView> labels) const
{
    const QByteArrayView last = labels.back();
    const QByteArrayView whole(labels.front().data(), last.data() + last.size());
    switch (labels.size()) {
    case 2:
        return contains(twoLevel, whole);
    case 3:
        return last == "us" ? contains(usStates(), labels[1]) : contains(threeLevel, whole);
    case 4: {
        // RFC 1480 §2: "Fire-Dept.CI.Los-Angeles.CA.US", "<school>.PVT.K12.<state>.US".
        const bool isPrivateSchool = labels[0] == "pvt" && labels[1] == "k12";
        const bool isPlace = labels[0] == "ci" || labels[0] == "co";
        return last == "us" && (isPrivateSchool || isPlace) && contains(usStates(), labels[2]);
    }
    default:
        return false;
    }
}

DomainTable::DomainTable(const RuleSet &rules, const UriSettings &settings)
    : d(std::make_unique<Private>(settings))
{
    d->read(d->topLevel, rules, "util_rb_tld");
    d->read(d->twoLevel, rules, "util_rb_2tld");
    d->read(d->threeLevel, rules, "util_rb_3tld");
    for (const Directive &line : rules.directive("redirector_pattern")) {
        if (const auto problem = d->redirectors.add(line.value)) {
            d->problems.push_back(line.value + ": " + *problem);
        }
    }
}

DomainTable::~DomainTable() = default;
DomainTable::DomainTable(DomainTable &&) noexcept = default;
DomainTable &DomainTable::operator=(DomainTable &&) noexcept = default;

const UriSettings &DomainTable::settings() const
{
    return d->settings;
}

const std::vector<QByteArray> &DomainTable::problems() const
{
    return d->problems;
}

bool DomainTable::isValidTld(QByteArrayView tld) const
{
    constexpr size_t longest = 63;  // RFC 1035 §2.3.4
    std::array<char, longest> name{};
    if (tld.isEmpty() || size_t(tld.size()) > longest) {
        return false;
    }
    std::ranges::transform(tld, name.begin(), lower);
    return d->topLevel.contains(std::string_view(name.data(), size_t(tld.size())));
}

bool DomainTable::hasValidTld(QByteArrayView host) const
{
    const qsizetype dot = host.lastIndexOf('.');
    return dot >= 0 && std::ranges::none_of(host, isSpace) && isValidTld(host.sliced(dot + 1));
}

QByteArray DomainTable::registeredDomain(QByteArrayView host) const
{
    const QByteArray name = withPlainDots(asciiHost(host));
    constexpr size_t mostLabels = 5;  // The longest delegation and the name below it.
    std::vector<QByteArrayView> labels;
    qsizetype end = name.size();
    while (end >= 0 && labels.size() < mostLabels) {
        const qsizetype dot = end > 0 ? name.lastIndexOf('.', end - 1) : -1;
        labels.insert(labels.begin(), QByteArrayView(name).sliced(dot + 1, end - dot - 1));
        end = dot;
    }
    const std::span<const QByteArrayView> all(labels);
    size_t kept = std::min<size_t>(all.size(), 2);  // Below a top level domain.
    for (size_t count = std::min<size_t>(all.size(), 4); count >= 2; --count) {
        if (d->isDelegated(all.last(count))) {
            kept = std::min(all.size(), count + 1);
            break;
        }
    }
    return name.sliced(all[all.size() - kept].data() - name.constData());
}

HostDomain DomainTable::hostOfUri(QByteArrayView uri) const
{
    if (startsCaseless(uri, "javascript:") || startsCaseless(uri, "cid:")
        || startsCaseless(uri, "file:")) {
        return {};
    }
    QByteArrayView name = uri;
    if (startsCaseless(name, "mailto:")) {
        name = name.sliced(7);
        const qsizetype question = name.indexOf('?');
        name = question < 0 ? name : name.first(question);
        const qsizetype at = name.indexOf('@');
        if (at < 0 || name.indexOf('@', at + 1) >= 0) {
            return {};
        }
        name = name.sliced(at + 1);
    } else {
        qsizetype scheme = 0;
        while (scheme < name.size() && isLetter(name[scheme])) {
            ++scheme;
        }
        if (scheme > 0 && scheme < name.size() && name[scheme] == ':') {
            name = name.sliced(scheme + 1);
            for (int slashes = 0; slashes < 2 && name.startsWith('/'); ++slashes) {
                name = name.sliced(1);
            }
        }
        const auto end = std::ranges::find_if(
            name, [](char c) { return c == '/' || c == '?' || c == '#'; });
        name = name.first(end - name.begin());
        name = name.sliced(name.lastIndexOf('@') + 1);
        qsizetype port = name.size();
        while (port > 0 && isDigit(name[port - 1])) {
            --port;
        }
        name = port > 0 && name[port - 1] == ':' ? name.first(port - 1) : name;
    }
    if (hasNeedlessEscape(name)) {
        return {};
    }
    const QByteArray host = asciiHost(name);
    if (isIpAddress(host)) {
        return {host, host};
    }
    if (!isValidHostName(host) || !hasValidTld(host)) {
        return {};
    }
    return {host, registeredDomain(host)};
}

QByteArray DomainTable::domainOfUri(QByteArrayView uri) const
{
    return hostOfUri(uri).domain;
}

QByteArray DomainTable::redirectorTarget(const QByteArray &uri) const
{
    return d->redirectors.target(uri);
}

QByteArray DomainTable::asciiHost(QByteArrayView host) const
{
    if (d->settings.convertsIdn && !isPlainHost(host)) {
        const QByteArray ace = QUrl::toAce(QString::fromUtf8(host));
        if (!ace.isEmpty()) {
            return toLower(ace);
        }
    }
    return toLower(host);
}

bool isValidHostName(QByteArrayView host)
{
    while (host.endsWith('.')) {
        host.chop(1);
    }
    constexpr qsizetype longestName = 253;  // RFC 1035 §2.3.4, as text
    constexpr qsizetype longestLabel = 63;
    if (host.size() > longestName) {
        return false;
    }
    int labels = 0;
    qsizetype end = host.size();
    // From the right: the two last labels are not to have underscores.
    while (end >= 0) {
        const qsizetype dot = end > 0 ? host.lastIndexOf('.', end - 1) : -1;
        const QByteArrayView label = host.sliced(dot + 1, end - dot - 1);
        ++labels;
        if (label.isEmpty() || label.size() > longestLabel || !isWord(label.front())
            || !isWord(label.back()) || (labels <= 2 && label.contains('_'))) {
            return false;
        }
        if (!std::ranges::all_of(label, [](char c) { return isWord(c) || c == '-'; })) {
            return false;
        }
        end = dot;
    }
    return labels > 1;
}

bool isIpAddress(QByteArrayView host)
{
    return isIpv4(host) || isIpv6(host);
}

}  // namespace portcullis::spam
