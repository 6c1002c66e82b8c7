// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RuleDocument.h"

#include <optional>
#include <span>

namespace portcullis::rules {

/// One property of a kind of object, as the REST API names and bounds it (facts/api.md §7.3).
struct PropertySpec {
    enum class Type : quint8 { Text, Flag, Number, Choice };
    /// What a text must be beyond its length.
    enum class Form : quint8 {
        Any,
        Regex,    ///< A bounded pattern (Pattern.h).
        Address,  ///< local@domain
        Domain,
        Ip,
        Cidr,
        ClockTime,  ///< H:MM or HH:MM, 00:00 … 24:00
        FieldName,  ///< RFC 5322 §2.2
        ConfigId
    };

    const char *name = nullptr;
    Type type = Type::Text;
    bool isRequired = true;
    int maxLength = 1024;  ///< Characters; for numbers the largest value.
    Form form = Form::Any;
    const char *choices = nullptr;       ///< Space-separated, for Choice.
    const char *defaultValue = nullptr;  ///< As text; "1"/"0" for flags. Null: absent stays absent.
};

/// A kind of object: number, name in URLs and documents, and what it holds. The one description from
/// which validation, JSON, the REST API and forms are made.
struct ObjectKind {
    ObjectType type;
    const char *urlName;   ///< "contenttype"
    const char *typeText;  ///< "ContentType Filter"
    GroupClass groupClass;
    std::span<const PropertySpec> properties;
    int order = 0;  ///< Actions: order of execution.
    bool isFinal = false;
    bool isEditable = true;
    bool inGreylist = false;  ///< Also (or only) in the SMTP allow list.
};

[[nodiscard]] std::span<const ObjectKind> objectKinds();
[[nodiscard]] const ObjectKind *kindOf(ObjectType type);
[[nodiscard]] const ObjectKind *kindOf(GroupClass groupClass, const QString &urlName);

/// Checks one object and gives it back with defaults filled in and values normalised. Error
/// `rules.object` (permanent): "contenttype: position 4: …".
Result<Object> checkedObject(const Object &object);

/// One line for people: "content-type=image/.*", "level 3".
[[nodiscard]] QString describe(const Object &object);

[[nodiscard]] const char *nameOf(GroupClass groupClass);  ///< "who"
[[nodiscard]] const char *nameOf(Category category);      ///< "from"
[[nodiscard]] GroupClass classFor(Category category);

}  // namespace portcullis::rules
