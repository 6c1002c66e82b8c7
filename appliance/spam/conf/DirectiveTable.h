// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QList>

namespace portcullis::spam {

/// What may stand after the name of a directive.
enum class Shape : quint8 {
    Nothing,   ///< "clear_headers"
    Anything,  ///< May be empty.
    Text,      ///< Must not be empty.
    Words,     ///< One or more words.
    Pair,      ///< A name and something for it.
    Number,    ///< "5", "-0.5"
    Switch,    ///< 0, 1, no, yes
    Duration   ///< "300", "1.5h"; units s m h d w
};

/// A directive of Conf(3) or of one of the plugins that come with SpamAssassin.
struct DirectiveKind {
    const char *name;  ///< The newest one.
    Shape shape;
    const char *plugin;  ///< Short names, `|` between them, any of which must be loaded; "": none.
};

/// `key` in lower case with underscores, under its newest name: "whitelist_from" is "welcomelist_from".
[[nodiscard]] QByteArray newestName(const QByteArray &key);
/// All names, the newest of each.
[[nodiscard]] const QList<QByteArray> &directiveNames();
/// nullptr: unknown. `key` is a newest name.
[[nodiscard]] const DirectiveKind *findDirective(const QByteArray &key);
[[nodiscard]] bool fitsShape(Shape shape, const QByteArray &value);
/// Directives that only a Perl program with a report of its own obeys: templates, Perl modules, paths.
[[nodiscard]] bool isWithoutEffect(const QByteArray &key);

}  // namespace portcullis::spam
