// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/HashListTests.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/network/HashListMail.h"
#include "appliance/spam/network/NetworkAddresses.h"

#include <QtCore/QCryptographicHash>

#include <algorithm>

namespace portcullis::spam {

namespace {

using Values = std::vector<QByteArray>;

void addNew(Values &list, QByteArray item)
{
    if (!item.isEmpty() && std::ranges::find(list, item) == list.end()) {
        list.push_back(std::move(item));
    }
}

/// RFC 4648 §6, lower case, without padding.
QByteArray base32(const QByteArray &octets)
{
    constexpr QByteArrayView digits("abcdefghijklmnopqrstuvwxyz234567");
    QByteArray result;
    quint32 buffer = 0;
    int bits = 0;
    for (const char octet : octets) {
        buffer = (buffer << 8) | static_cast<quint8>(octet);
        for (bits += 8; bits >= 5; bits -= 5) {
            result.append(digits[(buffer >> (bits - 5)) & 31]);
        }
        buffer &= 31;
    }
    if (bits > 0) {
        result.append(digits[(buffer << (5 - bits)) & 31]);
    }
    return result;
}

bool isMailto(const QByteArray &uri)
{
    return uri.size() > 7 && uri.first(7).compare("mailto:", Qt::CaseInsensitive) == 0;
}

/// Tests of tags that have asked.
struct AskedLists final : Scan::Memory {
    QSet<const Test *> tests;
};

}  // namespace

QByteArray HashListTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::HashBL";
}

void HashListTests::configure(const RuleSet &rules, ProblemSink &problems)
{
    const auto words = [](const Directive &line) {
        return line.value.toLower().simplified().split(' ');
    };
    for (const char *fixed : {"hashbl_email_regex", "hashbl_email_welcomelist"}) {
        for (const Directive &line : rules.directive(fixed)) {
            problems.report({Problem::Severity::Warning, line.origin, fixed,
                             "has no effect: what counts as a mail address, and which are role "
                             "accounts, is fixed here; use hashbl_ignore for single addresses"});
        }
    }
    for (const Directive &line : rules.directive("hashbl_ignore")) {
        for (const QByteArray &word : words(line)) {
            m_ignored.insert(word);
        }
    }
    for (const Directive &line : rules.directive("uridnsbl_skip_domain")) {
        for (const QByteArray &word : words(line)) {
            m_skippedDomains.insert(word);
        }
    }
    for (const Directive &line : rules.directive("hashbl_email_domain_alias")) {
        const QList<QByteArray> names = words(line);
        for (const QByteArray &alias : names.sliced(1)) {
            m_aliases.insert(alias, names.front());
        }
    }
    constexpr QByteArrayView aclPrefix("hashbl_acl_");
    for (const auto &[name, lines] : rules.directives) {
        for (const Directive &line :
             name.startsWith(aclPrefix) ? lines : std::vector<Directive>()) {
            for (const QByteArray &word : words(line)) {
                auto &acl = m_acls[name.sliced(aclPrefix.size())];
                const bool isExcluded = word.startsWith('!');
                const QByteArray domain = isExcluded ? word.sliced(1) : word;
                acl.insert(domain, !isExcluded && acl.value(domain, true));
            }
        }
    }
    for (const Test &test : rules.tests) {
        const auto *call = std::get_if<EvalCall>(&test.body);
        if (call != nullptr && call->function.startsWith("check_hashbl_")) {
            addList(test, *call, problems);
        }
    }
}

HashListTests::Options HashListTests::readOptions(const QByteArray &text, const char *fallback)
{
    Options options;
    for (const QByteArray &part :
         (text.isEmpty() ? QByteArray(fallback) : text).toLower().split('/')) {
        const QByteArray option = part.trimmed();
        const qsizetype equals = option.indexOf('=');
        const QByteArray name = equals < 0 ? option : option.first(equals);
        const qsizetype number = equals < 0 ? 0 : option.sliced(equals + 1).toLongLong();
        options.names.insert(name);
        if (name == "max" && number > 0) {
            options.most = static_cast<size_t>(number);
        } else if (name == "minsize") {
            options.leastSize = number;
        } else if (name == "maxsize") {
            options.mostSize = number;
        }
    }
    return options;
}

/// (list, options, …): what follows differs.
bool HashListTests::addList(const Test &test, const EvalCall &call, ProblemSink &problems)
{
    const QHash<QByteArray, Subject> subjects{{"check_hashbl_emails", Subject::Mailboxes},
                                              {"check_hashbl_uris", Subject::Uris},
                                              {"check_hashbl_bodyre", Subject::Text},
                                              {"check_hashbl_tag", Subject::Tag},
                                              {"check_hashbl_attachments", Subject::Attachments}};
    const auto subject = subjects.constFind(call.function);
    if (subject == subjects.cend()) {
        return false;
    }
    List list;
    list.test = &test;
    list.subject = *subject;
    list.zone = call.arguments.empty() ? QByteArray() : call.arguments[0];
    if (list.zone.toUpper().endsWith("/TXT")) {
        list.type = DnsType::Txt;
        list.zone.chop(4);
    } else if (list.zone.toUpper().endsWith("/A")) {
        list.zone.chop(2);
    }
    if (!readConditions(call, list, problems)) {
        return false;
    }
    m_lists.push_back(std::move(list));
    return true;
}

bool HashListTests::readConditions(const EvalCall &call, List &list, ProblemSink &problems)
{
    const auto argument = [&call](size_t at) {
        return at < call.arguments.size() ? call.arguments[at] : QByteArray();
    };
    const auto complain = [&](const QByteArray &reason) {
        problems.report({Problem::Severity::Error, list.test->origin, list.test->name, reason});
        return false;
    };
    const bool isMailbox = list.subject == Subject::Mailboxes;
    list.options = readOptions(argument(1), isMailbox ? "sha1/notag/noquote/max=10/shuffle"
                                                      : "sha1/max=10/shuffle");
    const bool hasThird = isMailbox || list.subject == Subject::Tag
                          || list.subject == Subject::Text;
    const QByteArray third = hasThird ? argument(2) : QByteArray();
    const QByteArray condition = argument(hasThird ? 3 : 2);
    if (list.zone.isEmpty()) {
        return complain("needs a list");
    }
    if (list.subject == Subject::Text) {
        Regex regex;
        regex.source = third;
        auto pattern = Pattern::compile(regex);
        if (third.isEmpty() || !pattern) {
            return complain("needs a regular expression");
        }
        list.pattern = std::move(*pattern);
    } else if (list.subject == Subject::Tag) {
        list.source = third.toUpper();
        if (list.source.startsWith('_') && list.source.endsWith('_') && list.source.size() > 2) {
            list.source = list.source.sliced(1, list.source.size() - 2);
        }
    } else if (isMailbox) {
        list.source = third.isEmpty() ? QByteArrayLiteral("ALLFROM/Reply-To/body") : third;
        list.acl = argument(4).toLower();
    }
    if (!condition.isEmpty()) {
        auto subtest = DnsSubtest::ofPattern(condition);
        if (!subtest) {
            return complain(subtest.error().detail.toUtf8());
        }
        list.subtest = std::move(*subtest);
    }
    return true;
}

std::vector<EvalModule::Entry> HashListTests::functions() const
{
    const EvalFunction later = [](Scan &, const EvalCall &) { return 0; };
    return {{"check_hashbl_emails", later},
            {"check_hashbl_uris", later},
            {"check_hashbl_bodyre", later},
            {"check_hashbl_tag", later},
            {"check_hashbl_attachments", later}};
}

void HashListTests::begin(Scan &scan) const
{
    if (!hub().isOn()) {
        return;
    }
    for (const List &list : m_lists) {
        if (list.subject != Subject::Tag && scan.isActive(*list.test)) {
            start(scan, list);
        }
    }
    send(scan);
}

/// Tags have their values now.
void HashListTests::finish(Scan &scan) const
{
    if (!hub().isOn()) {
        return;
    }
    for (const List &list : m_lists) {
        auto &asked = scan.memory<AskedLists>(this).tests;
        if (list.subject == Subject::Tag && scan.isActive(*list.test)
            && !asked.contains(list.test)) {
            asked.insert(list.test);
            start(scan, list);
        }
    }
    NetworkModule::finish(scan);
}

void HashListTests::start(Scan &scan, const List &list) const
{
    Values values;
    switch (list.subject) {
    case Subject::Mailboxes:
        values = mailboxes(scan, list);
        break;
    case Subject::Uris:
        values = uris(scan, list);
        break;
    case Subject::Text:
        values = pieces(scan, list);
        break;
    case Subject::Tag:
        values = tagValues(scan, list);
        break;
    case Subject::Attachments:
        values = attachments(scan, list);
        break;
    }
    // "shuffle" chooses at random in the peer; we take what comes first.
    values.resize(std::min(values.size(), list.options.most));
    for (const QByteArray &value : values) {
        ask(scan, list, value, list.subject == Subject::Attachments);
    }
}

bool HashListTests::isSkippedDomain(Scan &scan, const QByteArray &host) const
{
    return m_skippedDomains.contains(host.toLower())
           || m_skippedDomains.contains(scan.domains().registeredDomain(host));
}

std::vector<QByteArray> HashListTests::foundMailboxes(Scan &scan, const List &list) const
{
    MessageText &text = scan.text();
    const MailboxFilter filter{list.options.has("nouri"), list.options.has("noquote")};
    Values found;
    const auto addFrom = [&](QByteArrayView source, const MailboxFilter &own) {
        for (QByteArray &mailbox : mailboxesIn(source, scan.domains(), own)) {
            addNew(found, std::move(mailbox));
        }
    };
    for (const QByteArray &part : list.source.split('/')) {
        const QByteArray source = part.trimmed();
        if (source == "ALLFROM") {
            for (const QByteArray &mailbox : senderMailboxes(text)) {
                addNew(found, mailbox);
            }
        } else if (source == "body") {
            for (const UriDetail &uri : text.uris()) {
                if (isMailto(uri.raw) && uri.hasType("a") && !uri.hasType("parsed")) {
                    addFrom(QByteArrayView(uri.raw).sliced(7), {});
                }
            }
            for (const QByteArray &line : text.body()) {
                addFrom(line, filter);
            }
        } else {
            for (const QByteArray &value : text.headerList(source.constData())) {
                addFrom(value, {});
            }
        }
    }
    return found;
}

std::vector<QByteArray> HashListTests::mailboxes(Scan &scan, const List &list) const
{
    Values recipients;
    for (const char *field :
         {"X-Original-To:addr", "Apparently-To:addr", "Delivered-To:addr", "Envelope-To:addr"}) {
        for (const QByteArray &mailbox : scan.text().headerList(field)) {
            recipients.push_back(mailbox.toLower());
        }
    }
    Values result;
    for (const QByteArray &mailbox : foundMailboxes(scan, list)) {
        const qsizetype sign = mailbox.lastIndexOf('@');
        if (sign <= 0) {
            continue;
        }
        QByteArray user = mailbox.first(sign);
        QByteArray domain = mailbox.sliced(sign + 1);
        domain = m_aliases.value(domain.toLower(), domain);
        const QByteArray whole = user + '@' + domain;
        const bool isOurs = std::ranges::find(recipients, whole) != recipients.end();
        const bool isRefused = list.acl.isEmpty()
                                   ? isSkippedDomain(scan, domain)
                                   : list.acl != "all"
                                         && !m_acls.value(list.acl).value(domain, false);
        if (isOurs || isRefused || isImpersonal(whole)) {
            continue;
        }
        if (list.options.has("nodot")) {
            user.replace(".", "");
        }
        const qsizetype tag = user.indexOf('+');
        if (list.options.has("notag") && tag >= 0) {
            user.truncate(tag);
        }
        QByteArray value = list.options.has("domain") ? scan.domains().registeredDomain(domain)
                           : list.options.has("host") ? domain
                           : list.options.has("user") ? user
                                                      : user + '@' + domain;
        addNew(result, list.options.has("case") ? value : value.toLower());
    }
    return result;
}

std::vector<QByteArray> HashListTests::uris(Scan &scan, const List &list) const
{
    Values result;
    for (const UriDetail &uri : scan.text().uris()) {
        const bool isLink = uri.hasType("a") || uri.hasType("parsed");
        const bool isSkipped = std::ranges::any_of(uri.hosts, [this](const HostDomain &host) {
            return m_skippedDomains.contains(host.host) || m_skippedDomains.contains(host.domain);
        });
        if (isMailto(uri.raw) || !isLink || isSkipped || uri.hosts.empty()) {
            continue;
        }
        for (const QByteArray &form : uri.cleaned) {
            addNew(result, list.options.has("case") ? form : form.toLower());
        }
    }
    return result;
}

/// What the first group of the pattern captures.
std::vector<QByteArray> HashListTests::pieces(Scan &scan, const List &list)
{
    constexpr size_t mostPieces = 1'000;
    Values result;
    const auto search = [&](const QByteArray &text) {
        qsizetype from = 0;
        while (from <= text.size() && result.size() < mostPieces) {
            const auto place = list.pattern->find(text, from);
            if (!place) {
                return;
            }
            const auto groups = list.pattern->groups(text, from);
            QByteArray piece = groups.size() > 1 ? groups[1] : QByteArray();
            piece = list.options.has("case") ? piece : piece.toLower();
            if (list.options.has("num")) {
                piece.removeIf([](char c) { return c < '0' || c > '9'; });
            }
            addNew(result, std::move(piece));
            from = place->end > from ? place->end : from + 1;
        }
    };
    if (list.test->kind == TestKind::FullEval) {
        search(scan.text().full());
        return result;
    }
    const bool isRaw = list.test->kind == TestKind::RawBodyEval;
    for (const QByteArray &line : isRaw ? scan.text().rawBody() : scan.text().body()) {
        search(line);
    }
    return result;
}

std::vector<QByteArray> HashListTests::tagValues(Scan &scan, const List &list) const
{
    const Options &options = list.options;
    Values result;
    for (const QByteArray &raw : scan.tag(list.source)) {
        QByteArray value = options.has("case") ? raw : raw.toLower();
        const QByteArray reversed = reversedAddress(value);
        if (!reversed.isEmpty()) {
            const bool isFour = !value.contains(':');
            if ((options.has("ipv4") && !isFour) || (options.has("ipv6") && isFour)) {
                continue;
            }
            addNew(result, options.has("revip") ? reversed : value);
            continue;
        }
        const bool needsAddress = options.has("ip") || options.has("ipv4") || options.has("ipv6");
        const bool needsName = options.has("fqdn") || options.has("trim");
        const bool needsTld = options.has("tld") || options.has("trim");
        const bool isName = isValidHostName(value);
        if (needsAddress || (needsName && !isName) || (isName && isSkippedDomain(scan, value))
            || (needsTld && !scan.domains().hasValidTld(value))) {
            continue;
        }
        addNew(result, options.has("trim") ? scan.domains().registeredDomain(value) : value);
    }
    return result;
}

/// Their hashes.
std::vector<QByteArray> HashListTests::attachments(Scan &scan, const List &list) const
{
    Values result;
    const std::vector<TextPart> &parts = scan.text().parts();
    for (size_t at = 0; at < parts.size(); ++at) {
        const TextPart &part = parts[at];
        const QByteArray &octets = scan.text().decoded(static_cast<int>(at));
        const bool isTooSmall = octets.size() < list.options.leastSize;
        const bool isTooLarge = list.options.mostSize > 0 && octets.size() > list.options.mostSize;
        if (octets.isEmpty() || isTooSmall || isTooLarge || m_ignored.contains(part.type)
            || m_ignored.contains(part.name.toLower())) {
            continue;
        }
        addNew(result, hashOf(list.options, octets));
    }
    return result;
}

QByteArray HashListTests::hashOf(const Options &options, const QByteArray &value)
{
    if (options.has("sha256")) {
        return base32(QCryptographicHash::hash(value, QCryptographicHash::Sha256));
    }
    if (options.has("sha1")) {
        return QCryptographicHash::hash(value, QCryptographicHash::Sha1).toHex();
    }
    if (options.has("md5")) {
        return QCryptographicHash::hash(value, QCryptographicHash::Md5).toHex();
    }
    return value;
}

void HashListTests::ask(Scan &scan, const List &list, const QByteArray &value, bool isHashed) const
{
    const QByteArray hash = isHashed ? value : hashOf(list.options, value);
    if (m_ignored.contains(value.toLower()) || m_ignored.contains(hash.toLower())) {
        return;
    }
    NetworkModule::ask(
        scan, hash + '.' + list.zone, list.type, list.zone,
        [this, &list, value](Scan &now, const LookupReply &reply) {
            const auto texts = reply.texts();
            const bool isListed = std::ranges::any_of(texts, [&list](const QByteArray &text) {
                return list.subtest ? list.subtest->matches(text) : text.startsWith("127.");
            });
            if (isListed) {
                hub().hit(now, *list.test, QByteArray(value).replace("@", "[at]"));
            }
        });
}

}  // namespace portcullis::spam
