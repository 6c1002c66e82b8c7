// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/Actions.h"
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/Pattern.h"
#include "appliance/rules/RuleSet.h"

#include <QtCore/QHash>
#include <QtNetwork/QHostAddress>

/// The insides of RuleSet, shared by its compiler and its evaluation. Not for other modules.
namespace portcullis::rules {

/// An object with everything read out of its properties that matching needs.
struct CompiledObject {
    int id = 0;
    ObjectType type = ObjectType::WhoAddress;
    QString description;
    std::optional<Pattern> pattern;
    QByteArray key;        ///< Address or domain in lower case; header field name.
    QHostAddress address;  ///< IP, or base of a network.
    int prefixLength = 0;
    int level = 0;        ///< Spam level.
    int firstMinute = 0;  ///< Of the day, inclusive.
    int lastMinute = 0;
    bool isRestricted = false;  ///< top-part-only, only-content.
    QString ldapMode;
    QString profile;
    QString ldapName;  ///< Group or account.
};

struct CompiledGroup {
    int id = 0;
    QString name;
    MatchMode mode;
    std::vector<CompiledObject> objects;
    bool hasSpam = false;         ///< The result depends on the recipient's lists.
    bool hasPartObjects = false;  ///< Some object points at parts, not only at the whole mail.

    /// Large lists: indexes into `objects`. Filled unless every object must match; the others are in
    /// `remaining` then.
    QHash<QByteArray, size_t> addresses;
    QHash<QByteArray, size_t> domains;
    std::vector<size_t> remaining;
};

struct CompiledRule {
    int id = 0;
    QString name;
    int priority = 0;
    RuleDirection direction = RuleDirection::Both;
    std::array<std::vector<size_t>, categoryCount>
        groups;  ///< Indexes into RuleSet::Compiled::groups.
    std::array<MatchMode, categoryCount> modes;
    std::vector<ActionPointer> actions;
    bool isFinal = false;

    [[nodiscard]] const std::vector<size_t> &groupsOf(Category category) const
    {
        return groups[static_cast<size_t>(category)];
    }
    [[nodiscard]] MatchMode modeOf(Category category) const
    {
        return modes[static_cast<size_t>(category)];
    }
    [[nodiscard]] bool appliesTo(mail::Direction way) const
    {
        return direction == RuleDirection::Both
               || static_cast<int>(direction) == static_cast<int>(way);
    }
};

struct RuleSet::Compiled {
    std::vector<CompiledGroup> groups;
    std::vector<CompiledRule> rules;                        ///< In the order they are tried.
    std::array<std::vector<QByteArray>, 2> headersToStrip;  ///< By mail::Direction.
    std::array<RuleNeeds, 2> needs;
};

/// An address without the IPv6 clothes that an IPv4 client may wear (::ffff:192.0.2.1).
QHostAddress plainAddress(const QHostAddress &address);

}  // namespace portcullis::rules
