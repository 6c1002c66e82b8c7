// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <limits>
#include <optional>
#include <span>
#include <variant>

/// What may be written into pmg.conf, as data: the loader, the REST checks, the settings reference
/// and the console's forms all read the same tables. Nothing here touches a file.
namespace portcullis::schema {

enum class ValueType {
    Boolean,      ///< 1/0; yes/no, on/off and true/false are read too.
    Integer,      ///< Decimal, between minimum and maximum.
    Text,         ///< One line of UTF-8 without control characters; maximum counts characters.
    Choice,       ///< One of `choices`.
    Email,        ///< local@domain.
    Host,         ///< DNS name or IP address; IPv6 with or without brackets.
    DnsName,      ///< Host name, RFC 1123 §2.1.
    Path,         ///< Absolute path of a file.
    HttpProxy,    ///< http://[user:password@]host[:port][/]
    Languages,    ///< "all" or two-letter codes separated by blanks.
    NetworkList,  ///< Addresses and networks (CIDR), separated by blanks or commas.
    ServerList,   ///< ADDR, ADDR:PORT or [V6]:PORT, separated by blanks or commas.
    DnsblList     ///< name[=filter][*weight], separated as parseDnsblEntries() says.
};

/// Where a key comes from: the guides' pmg.conf, or ours alone (limits that Postfix hid in main.cf).
enum class Origin { Guide, Own, Retired };

/// One key of a section: type, range, unit, default and one sentence for people.
struct KeySpec {
    const char *name = nullptr;
    ValueType type = ValueType::Text;
    const char *defaultValue = nullptr;  ///< As written in the file; nullptr: unset means "none".
    qint64 minimum = 0;                  ///< Integer: smallest value.
    qint64 maximum = std::numeric_limits<qint64>::max();  ///< Integer: largest; Text: length.
    const char *unit = "";                                ///< "s", "bytes", "h", "d", "1/min" …
    const char *choices = "";                             ///< Choice: "smtp|lmtp".
    const char *description = "";
    Origin origin = Origin::Guide;
    bool isComputed = false;  ///< The default depends on the machine (memory).
    bool isPending = false;   ///< Read and checked, but nothing acts on it yet.

    [[nodiscard]] QString typeText() const;  ///< "whole number, 1 to 65535", for error texts.
};

struct SectionSpec {
    const char *name = nullptr;
    const char *description = "";
    std::span<const KeySpec> keys;

    [[nodiscard]] const KeySpec *find(QByteArrayView key) const;
};

/// All sections of pmg.conf in the order in which they are written.
std::span<const SectionSpec> pmgConfSections();
const SectionSpec *findSection(QByteArrayView name);

/// A checked value. Integers, texts in UTF-8 (choices, hosts and lists as they were written).
using Value = std::variant<bool, qint64, QByteArray>;

/// Reads `text` as the key's type. Error `config.value` (permanent) with the reason alone; the caller
/// adds file, line and key.
Result<Value> parseValue(const KeySpec &spec, QByteArrayView text);

/// The key's default as parseValue() would give it; nothing where unset means "none" or computed.
std::optional<Value> defaultOf(const KeySpec &spec);

/// As written in the file: booleans as 1 and 0.
QByteArray toText(const Value &value);

/// @name Syntax checks that the sister files share.
/// @{
bool isDnsName(QByteArrayView text);    ///< Letters, digits, hyphens; labels 1–63, in all 253.
bool isIpAddress(QByteArrayView text);  ///< IPv4 dotted quad or IPv6, no brackets, no zone.
/// @}

}  // namespace portcullis::schema
