// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/network/DnsSubtest.h"
#include "appliance/spam/network/LookupHub.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::HashBL: lists of hashed mail addresses, links, pieces of text, tags and
/// attachments.
class HashListTests final : public NetworkModule
{
public:
    using NetworkModule::NetworkModule;

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;
    void finish(Scan &scan) const override;

private:
    enum class Subject : quint8 { Mailboxes, Uris, Text, Tag, Attachments };
    struct Options {
        QSet<QByteArray> names;  ///< "sha1", "shuffle", "nodot" …
        size_t most = 10;        ///< max=
        qsizetype leastSize = 0;
        qsizetype mostSize = 0;  ///< 0: no bound.
        [[nodiscard]] bool has(const char *name) const { return names.contains(name); }
    };
    struct List {
        const Test *test = nullptr;
        Subject subject = Subject::Mailboxes;
        QByteArray zone;
        DnsType type = DnsType::A;
        Options options;
        QByteArray source;               ///< Headers, or the name of a tag.
        std::optional<Pattern> pattern;  ///< Of Text.
        std::optional<DnsSubtest> subtest;
        QByteArray acl;  ///< Name of a hashbl_acl_ list; empty: none.
    };

    static Options readOptions(const QByteArray &text, const char *fallback);
    bool addList(const Test &test, const EvalCall &call, ProblemSink &problems);
    bool readConditions(const EvalCall &call, List &list, ProblemSink &problems);
    void start(Scan &scan, const List &list) const;
    [[nodiscard]] std::vector<QByteArray> mailboxes(Scan &scan, const List &list) const;
    [[nodiscard]] std::vector<QByteArray> foundMailboxes(Scan &scan, const List &list) const;
    [[nodiscard]] std::vector<QByteArray> uris(Scan &scan, const List &list) const;
    [[nodiscard]] static std::vector<QByteArray> pieces(Scan &scan, const List &list);
    [[nodiscard]] std::vector<QByteArray> tagValues(Scan &scan, const List &list) const;
    [[nodiscard]] std::vector<QByteArray> attachments(Scan &scan, const List &list) const;
    [[nodiscard]] bool isSkippedDomain(Scan &scan, const QByteArray &host) const;
    static QByteArray hashOf(const Options &options, const QByteArray &value);
    void ask(Scan &scan, const List &list, const QByteArray &value, bool isHashed) const;

    std::vector<List> m_lists;
    QSet<QByteArray> m_ignored;
    QSet<QByteArray> m_skippedDomains;
    QHash<QByteArray, QByteArray> m_aliases;            ///< Domain → domain it stands for.
    QHash<QByteArray, QHash<QByteArray, bool>> m_acls;  ///< hashbl_acl_NAME
};

}  // namespace portcullis::spam
