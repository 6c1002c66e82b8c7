// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>
#include <QtCore/QString>

#include <array>
#include <vector>

namespace portcullis::rules {

enum class GroupClass : quint8 { Who = 0, What = 1, When = 2, Action = 3, Greylist = 4 };

/// The five places of a rule; the numbers are those of the stored model and of the REST API.
enum class Category : quint8 { From = 0, To = 1, When = 2, What = 3, Action = 4 };
inline constexpr size_t categoryCount = 5;

/// How several results become one. all=false invert=false is "any of them"; all+invert is "not all".
/// Over nothing the value is (all != invert).
struct MatchMode {
    bool all = false;
    bool invert = false;
    friend bool operator==(const MatchMode &, const MatchMode &) = default;
};

/// Direction of a rule as stored: 0 in, 1 out, 2 both.
enum class RuleDirection : quint8 { In = 0, Out = 1, Both = 2 };

/// Type numbers of objects: those of the REST API; 3100 and up are ours.
enum class ObjectType : int {
    WhoRegex = 1000,
    WhoAddress = 1001,
    WhoDomain = 1002,
    WhoIp = 1003,
    WhoNetwork = 1004,
    WhoLdapGroup = 1005,
    WhoLdapUser = 1006,
    Receiver = 1007,  ///< 1007…1009 only in the SMTP allow list.
    ReceiverDomain = 1008,
    ReceiverRegex = 1009,
    TimeFrame = 2000,
    SpamLevel = 3000,
    Virus = 3001,
    MatchField = 3002,
    ContentType = 3003,
    FileName = 3004,
    ArchiveContentType = 3005,
    ArchiveFileName = 3006,
    Unscannable = 3100,  ///< Something in the mail could not be looked into.
    Encrypted = 3101,    ///< Something in the mail is encrypted.
    Ambiguous = 3102,    ///< Mail programs may read the mail in different ways.
    Accept = 4000,
    Block = 4001,
    Notification = 4002,
    HeaderAttribute = 4003,
    Bcc = 4005,
    Quarantine = 4006,
    RemoveAttachments = 4007,
    Disclaimer = 4009
};

/// One match object or action. `properties` holds exactly what the kind declares (ObjectKinds.h),
/// with defaults filled in.
struct Object {
    int id = 0;
    ObjectType type = ObjectType::WhoAddress;
    QJsonObject properties;
    friend bool operator==(const Object &, const Object &) = default;
};

struct Group {
    int id = 0;
    GroupClass groupClass = GroupClass::Who;
    QString name;
    QString info;
    MatchMode mode;
    std::vector<Object> objects;  ///< Exactly one for an action.
    friend bool operator==(const Group &, const Group &) = default;
};

struct Rule {
    int id = 0;
    QString name;
    int priority = 0;  ///< 0 … 100, highest first; of equal ones the newest id first.
    bool isActive = false;
    RuleDirection direction = RuleDirection::Both;
    std::array<std::vector<int>, categoryCount> groups;  ///< Group ids by Category.
    std::array<MatchMode, categoryCount> modes;          ///< By Category; Action has none.
    friend bool operator==(const Rule &, const Rule &) = default;

    [[nodiscard]] const std::vector<int> &groupsOf(Category category) const
    {
        return groups[static_cast<size_t>(category)];
    }
    [[nodiscard]] std::vector<int> &groupsOf(Category category)
    {
        return groups[static_cast<size_t>(category)];
    }
};

/// Bounds of one document, so that neither an import nor a script can make a monster of it.
struct DocumentLimits {
    int rules = 1000;
    int groups = 5000;
    int objects = 200'000;            ///< In all groups together.
    qint64 bytes = 32 * 1024 * 1024;  ///< Of the JSON text.
    int nameLength = 255;             ///< Characters of a rule's or group's name.
    int regexObjects = 20'000;        ///< Compiled patterns cost memory in every worker.
};

/// Everything the rule system knows: rules, groups and objects, as one value.
///
/// Saved as one immutable JSON text per generation, so that no message is ever judged by half a rule
/// set. Numbers are never used twice within a document's line: the next* counters only grow.
struct RuleDocument {
    static constexpr int currentFormat = 1;

    std::vector<Group> groups;
    std::vector<Rule> rules;
    int nextRuleId = 1;
    int nextGroupId = 1;
    int nextObjectId = 1;
    friend bool operator==(const RuleDocument &, const RuleDocument &) = default;

    /// Reads and checks everything. Error `rules.document` (permanent): `detail` names the place
    /// ("group 7 'Images', object 12: contenttype: position 4: nothing to repeat"). Missing ids and
    /// counters are filled in, so that hand-written imports may leave them out.
    static Result<RuleDocument> fromJson(const QByteArray &json, const DocumentLimits &limits = {});

    /// For documents that were validated when they were saved and whose checksum is right: as
    /// fromJson(), without checking each object again.
    static Result<RuleDocument> fromTrustedJson(const QByteArray &json);

    /// Stable, indented text: equal documents give equal bytes.
    [[nodiscard]] QByteArray toJson() const;

    /// Every check that fromJson() makes, for documents edited in memory; run before each save.
    /// Patterns are compiled and probed (Pattern.h).
    [[nodiscard]] Status validate(const DocumentLimits &limits = {}) const;

    /// The part of validate() about numbers, names and references; objects are not looked into.
    [[nodiscard]] Status validateStructure(const DocumentLimits &limits = {}) const;

    [[nodiscard]] const Group *group(int id) const;
    [[nodiscard]] Group *group(int id);
    [[nodiscard]] const Rule *rule(int id) const;
    [[nodiscard]] Rule *rule(int id);
    /// Names of the rules that use a group; one in use cannot be deleted.
    [[nodiscard]] std::vector<const Rule *> rulesUsing(int groupId) const;

    /// Rules as they are tried: by falling priority, then falling id.
    [[nodiscard]] std::vector<const Rule *> rulesInOrder() const;

    /// SHA-1 over the active rules with their groups and objects, and the allow list, in hex: the
    /// REST API's ruledb digest.
    [[nodiscard]] QByteArray digest() const;
};

/// The rules and objects of a new appliance (facts/behaviour.md §8); resources/rules/factory.json.
const RuleDocument &factoryDefaults();

/// Factory rules and objects with the SMTP allow list (class greylist) of `current`.
RuleDocument resetKeepingAllowList(const RuleDocument &current);

}  // namespace portcullis::rules
