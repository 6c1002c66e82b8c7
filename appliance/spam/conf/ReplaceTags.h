// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QHash>

#include <vector>

namespace portcullis::spam {

/// Named pieces of regexes, as the plugin ReplaceTags has them: "<A>" in a regex that `replace_rules`
/// names becomes what `replace_tag A` says.
class ReplaceTags
{
public:
    QByteArray start = "<";
    QByteArray end = ">";
    QHash<QByteArray, QByteArray> tags;
    QHash<QByteArray, QByteArray> before;  ///< replace_pre: put before every tag.
    QHash<QByteArray, QByteArray> after;   ///< replace_post: put after every tag.
    QHash<QByteArray, QByteArray>
        between;                    ///< replace_inter: put between tags without text between.
    std::vector<QByteArray> rules;  ///< Names of the tests to expand, in order, perhaps twice.

    /// Expands up to six times, as long as an expansion brought new tags. Stops, returning the source,
    /// when the result is over the bound.
    [[nodiscard]] QByteArray expand(const QByteArray &source, qsizetype maxBytes) const;

private:
    [[nodiscard]] QByteArray takeModifier(QByteArray &source, const QByteArray &kind) const;
    [[nodiscard]] QByteArray marked(const QByteArray &text, const QByteArray &pre) const;
    [[nodiscard]] QByteArray followed(const QByteArray &text, const QByteArray &post) const;
    [[nodiscard]] QByteArray replaceFirstTag(QByteArray text, bool &isNested) const;
};

}  // namespace portcullis::spam
