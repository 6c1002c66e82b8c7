// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/MailFacts.h"
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/RuleSet.h"

#include <map>

namespace portcullis::rules {

/// A mail made of plain values, which counts the expensive questions.
class FakeMail final : public MailFacts
{
public:
    FakeMail()
    {
        from("sender@example.com");
        to({"anna@example.org"});
        PartFacts top;
        top.id = topPart;
        top.declaredTypes = {"multipart/mixed"};
        top.fields = {{"Subject", "Hello"}};
        m_parts = {top};
    }

    FakeMail &from(const char *address)
    {
        m_sender = *mail::Address::parsePath(QByteArray("<") + address + '>');
        return *this;
    }
    FakeMail &to(const std::vector<const char *> &addresses)
    {
        m_recipients.clear();
        for (const char *address : addresses) {
            m_recipients.push_back({*mail::Address::parse(address), {}, {}});
        }
        return *this;
    }
    /// Adds a part and gives its number.
    int part(const QByteArray &type, const QByteArray &name = {}, const QByteArray &detected = {})
    {
        PartFacts part;
        part.id = static_cast<int>(m_parts.size()) + 1;
        part.declaredTypes = {type};
        part.detectedTypes = {detected.isEmpty() ? type : detected};
        if (!name.isEmpty()) {
            part.names = {name};
        }
        m_parts.push_back(part);
        return part.id;
    }

    [[nodiscard]] mail::Direction direction() const override { return m_direction; }
    [[nodiscard]] const mail::Address &sender() const override { return m_sender; }
    [[nodiscard]] const QHostAddress &clientAddress() const override { return m_client; }
    [[nodiscard]] const std::vector<mail::Recipient> &recipients() const override
    {
        return m_recipients;
    }
    [[nodiscard]] QTime localTime() const override { return m_time; }
    [[nodiscard]] const QString &virus() const override { return m_virus; }
    [[nodiscard]] const std::vector<PartFacts> &parts() const override { return m_parts; }
    [[nodiscard]] const std::vector<StateFinding> &states() const override { return m_states; }
    Result<std::vector<ArchiveFacts>> archives() override
    {
        ++m_archiveCalls;
        return m_archives;
    }
    Result<SpamFacts> spam() override
    {
        ++m_spamCalls;
        return m_spam;
    }
    SenderStanding standing(size_t recipient) override
    {
        const auto found = m_standings.find(recipient);
        return found == m_standings.end() ? SenderStanding::Unlisted : found->second;
    }

    mail::Direction m_direction = mail::Direction::In;
    mail::Address m_sender;
    QHostAddress m_client{QStringLiteral("192.0.2.7")};
    std::vector<mail::Recipient> m_recipients;
    QTime m_time{12, 0};
    QString m_virus;
    std::vector<PartFacts> m_parts;
    std::vector<StateFinding> m_states;
    Result<std::vector<ArchiveFacts>> m_archives = std::vector<ArchiveFacts>{};
    Result<SpamFacts> m_spam = SpamFacts{};
    std::map<size_t, SenderStanding> m_standings;
    int m_archiveCalls = 0;
    int m_spamCalls = 0;
};

/// Builds rule documents in a few words.
class DocumentMaker
{
public:
    int group(GroupClass groupClass, const std::vector<Object> &objects, MatchMode mode = {})
    {
        Group group;
        group.id = m_document.nextGroupId++;
        group.groupClass = groupClass;
        group.name = QStringLiteral("group %1").arg(group.id);
        group.mode = mode;
        for (Object object : objects) {
            object.id = m_document.nextObjectId++;
            group.objects.push_back(object);
        }
        m_document.groups.push_back(group);
        return group.id;
    }
    static Object object(ObjectType type, const QJsonObject &properties = {})
    {
        return {0, type, properties};
    }
    int action(ObjectType type, const QJsonObject &properties = {})
    {
        return group(GroupClass::Action, {object(type, properties)});
    }
    Rule &rule(int priority)
    {
        Rule rule;
        rule.id = m_document.nextRuleId++;
        rule.name = QStringLiteral("rule %1").arg(rule.id);
        rule.priority = priority;
        rule.isActive = true;
        m_document.rules.push_back(rule);
        return m_document.rules.back();
    }
    /// Through JSON, so that defaults are filled in and everything is checked.
    [[nodiscard]] std::shared_ptr<const RuleSet> compile() const
    {
        auto document = RuleDocument::fromJson(m_document.toJson());
        if (!document) {
            qFatal("%s", qPrintable(document.error().toString()));
        }
        return RuleSet::compile(*document).take();
    }

    RuleDocument m_document;
};

}  // namespace portcullis::rules
