// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgrule/AllowList.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/SmtpAllowList.h"

#include <QtCore/QJsonArray>

#include <algorithm>
#include <array>

namespace portcullis::cli::rule {

namespace {

using rules::ObjectType;

/// How the command calls the kinds of objects; the property is where a kind keeps its value.
struct Kind {
    const char *name;
    ObjectType type;
    const char *property;
};
constexpr std::array kinds{Kind{"sender", ObjectType::WhoAddress, "email"},
                           Kind{"sender-domain", ObjectType::WhoDomain, "domain"},
                           Kind{"sender-regex", ObjectType::WhoRegex, "regex"},
                           Kind{"receiver", ObjectType::Receiver, "email"},
                           Kind{"receiver-domain", ObjectType::ReceiverDomain, "domain"},
                           Kind{"receiver-regex", ObjectType::ReceiverRegex, "regex"},
                           Kind{"ip", ObjectType::WhoIp, "ip"},
                           Kind{"network", ObjectType::WhoNetwork, "cidr"}};

/// Another administrator or script may save at the same moment; each try starts from what is in force.
constexpr int saveTries = 5;

Result<Kind> kindNamed(const QString &name)
{
    for (const Kind &kind : kinds) {
        if (name == QLatin1String(kind.name)) {
            return kind;
        }
    }
    QStringList names;
    for (const Kind &kind : kinds) {
        names.append(QString::fromLatin1(kind.name));
    }
    return Error::permanent(
        "pmgrule.usage",
        QStringLiteral("'%1' is not one of %2").arg(name, names.join(QStringLiteral(", "))));
}

QString kindName(ObjectType type)
{
    const auto *const found = std::find_if(kinds.begin(), kinds.end(),
                                           [type](const Kind &kind) { return kind.type == type; });
    return found == kinds.end() ? QString() : QString::fromLatin1(found->name);
}

/// The group of class greylist; made where an import left it out.
rules::Group &allowListOf(rules::RuleDocument &document)
{
    const auto found = std::find_if(
        document.groups.begin(), document.groups.end(),
        [](const rules::Group &group) { return group.groupClass == rules::GroupClass::Greylist; });
    if (found != document.groups.end()) {
        return *found;
    }
    rules::Group group;
    group.id = document.nextGroupId++;
    group.groupClass = rules::GroupClass::Greylist;
    group.name = QStringLiteral("GreyExclusion");
    document.groups.push_back(group);
    return document.groups.back();
}

/// Loads, changes and saves; `change` gives the note for the history, empty if there is nothing to
/// save. Tried again when somebody else saved meanwhile.
template<typename Change>
Status edit(store::Database &database, Change change)
{
    for (int attempt = 1;; ++attempt) {
        LoadedDocument loaded = TRY(loadDocument(database));
        const QString note = TRY(change(loaded.document));
        if (note.isEmpty()) {
            return ok();
        }
        const Status saved = saveDocument(database, loaded, note);
        if (saved || saved.error().id != "rules.conflict" || attempt == saveTries) {
            return saved;
        }
    }
}

Result<rules::Object> objectOf(const Kind &kind, const QString &value)
{
    rules::Object object;
    object.type = kind.type;
    object.properties.insert(QLatin1String(kind.property), value);
    return rules::checkedObject(object);
}

Result<mail::Address> addressOf(const QString &text)
{
    return text == QLatin1String("<>") ? Result<mail::Address>(mail::Address())
                                       : mail::Address::parse(text.toUtf8());
}

void printMatch(const char *what, const std::optional<QByteArray> &entry)
{
    print(QStringLiteral("%1: %2\n")
              .arg(QString::fromLatin1(what), entry ? printable(QString::fromUtf8(*entry))
                                                    : QStringLiteral("no entry matches")));
}

}  // namespace

Status listAllowList(store::Database &database, Format format)
{
    LoadedDocument loaded = TRY(loadDocument(database));
    const rules::Group &group = allowListOf(loaded.document);
    std::vector<QStringList> rows{
        {QStringLiteral("ID"), QStringLiteral("KIND"), QStringLiteral("VALUE")}};
    QJsonArray entries;
    for (const rules::Object &object : group.objects) {
        const QString kind = kindName(object.type);
        const QString value = rules::describe(object);
        rows.push_back({QString::number(object.id), kind, printable(value, 1024)});
        entries.append(QJsonObject{{QStringLiteral("id"), object.id},
                                   {QStringLiteral("kind"), kind},
                                   {QStringLiteral("value"), value}});
    }
    if (format == Format::Json) {
        printJson(entries);
    } else if (group.objects.empty()) {
        print(QStringLiteral("The SMTP allow list is empty.\n"));
    } else {
        print(table(rows));
    }
    return ok();
}

Status addToAllowList(store::Database &database, const QString &kind, const QStringList &values)
{
    const Kind wanted = TRY(kindNamed(kind));
    return edit(database, [&](rules::RuleDocument &document) -> Result<QString> {
        rules::Group &group = allowListOf(document);
        QStringList added;
        for (const QString &value : values) {
            rules::Object object = TRY(objectOf(wanted, value));
            const QString shown = rules::describe(object);
            const bool isKnown = std::any_of(
                group.objects.begin(), group.objects.end(), [&](const rules::Object &other) {
                    return other.type == object.type && rules::describe(other) == shown;
                });
            if (isKnown) {
                print(QStringLiteral("%1 %2 is on the list already.\n")
                          .arg(kind, printable(shown, 1024)));
                continue;
            }
            object.id = document.nextObjectId++;
            group.objects.push_back(object);
            added.append(shown);
        }
        return added.isEmpty() ? QString()
                               : QStringLiteral("allow list: add %1 %2")
                                     .arg(kind, added.join(QStringLiteral(", ")));
    });
}

Status removeFromAllowList(store::Database &database, const QStringList &wanted)
{
    return edit(database, [&](rules::RuleDocument &document) -> Result<QString> {
        rules::Group &group = allowListOf(document);
        QStringList removed;
        for (const QString &word : wanted) {
            const auto isMeant = [&word](const rules::Object &object) {
                return QString::number(object.id) == word
                       || rules::describe(object).compare(word, Qt::CaseInsensitive) == 0;
            };
            for (const rules::Object &object : group.objects) {
                if (isMeant(object)) {
                    removed.append(kindName(object.type) + QLatin1Char(' ')
                                   + rules::describe(object));
                }
            }
            if (std::erase_if(group.objects, isMeant) == 0) {
                return Error::permanent(
                    "pmgrule.no-entry",
                    QStringLiteral("'%1' is not on the SMTP allow list").arg(word));
            }
        }
        return QStringLiteral("allow list: remove %1").arg(removed.join(QStringLiteral(", ")));
    });
}

Status testAllowList(store::Database &database,
                     const QString &client,
                     const QString &sender,
                     const QString &recipient)
{
    if (client.isEmpty() && sender.isEmpty() && recipient.isEmpty()) {
        return Error::permanent("pmgrule.usage",
                                QStringLiteral("allowlist test: --ip, --from or --to is missing"));
    }
    const LoadedDocument loaded = TRY(loadDocument(database));
    const auto list = TRY(rules::SmtpAllowList::compile(loaded.document));
    bool hasMatch = false;
    const auto report = [&hasMatch](const char *what, const std::optional<QByteArray> &entry) {
        printMatch(what, entry);
        hasMatch = hasMatch || entry.has_value();
    };
    if (!client.isEmpty()) {
        const QHostAddress address(client);
        if (address.isNull()) {
            return Error::permanent("pmgrule.usage",
                                    QStringLiteral("'%1' is not an IP address").arg(client));
        }
        report("client", list->clientEntry(address));
    }
    if (!sender.isEmpty()) {
        report("sender", list->senderEntry(TRY(addressOf(sender))));
    }
    if (!recipient.isEmpty()) {
        report("receiver", list->recipientEntry(TRY(addressOf(recipient))));
    }
    return hasMatch ? ok()
                    : Status(Error::permanent("pmgrule.no-match",
                                              QStringLiteral("the checks are made")));
}

}  // namespace portcullis::cli::rule
