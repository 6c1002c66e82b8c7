// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <memory>
#include <variant>
#include <vector>

namespace portcullis::rules {

struct AcceptAction {
};
struct BlockAction {
};
struct QuarantineAction {
};
/// Texts hold macros; expand with MacroExpander.
struct NotificationAction {
    QString to;
    QString subject;
    QString body;
    bool attachOriginal = false;
};
struct HeaderAction {
    QByteArray field;
    QString value;
};
struct BccAction {
    QString targets;  ///< Comma-separated, macros.
    bool original = true;
};
struct RemoveAction {
    bool all = false;
    bool quarantine = false;
    QString text;  ///< Macros, with __FILENAME__.
};
struct DisclaimerAction {
    enum class Position : quint8 { Start, End };
    QString html;
    Position position = Position::End;
    bool hasSeparator = true;
};

/// An action of a rule, ready to be carried out.
struct Action {
    int groupId = 0;
    int objectId = 0;
    QString name;         ///< Of its group: "Notify Admin".
    QString description;  ///< "notify __ADMIN__"; used in RULE_INFO.
    int order = 0;  ///< Header 10, remove 40, disclaimer 49, BCC 80, notify 89, quarantine 90 …
    bool isFinal = false;
    std::variant<AcceptAction,
                 BlockAction,
                 QuarantineAction,
                 NotificationAction,
                 HeaderAction,
                 BccAction,
                 RemoveAction,
                 DisclaimerAction>
        data;
};

/// Shared with the rule set that made it: stays valid while a result is worked on, even if the rules
/// are replaced meanwhile.
using ActionPointer = std::shared_ptr<const Action>;

}  // namespace portcullis::rules
