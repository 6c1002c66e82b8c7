// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/DirectiveTable.h"

#include <QtCore/QHash>

namespace portcullis::spam {

namespace {

struct OldName {
    const char *before;
    const char *now;
};

constexpr OldName oldNames[] = {
    {"required_hits", "required_score"},
    {"whitelist_from", "welcomelist_from"},
    {"unwhitelist_from", "unwelcomelist_from"},
    {"whitelist_from_rcvd", "welcomelist_from_rcvd"},
    {"def_whitelist_from_rcvd", "def_welcomelist_from_rcvd"},
    {"whitelist_allows_relays", "welcomelist_allows_relays"},
    {"unwhitelist_from_rcvd", "unwelcomelist_from_rcvd"},
    {"blacklist_from", "blocklist_from"},
    {"unblacklist_from", "unblocklist_from"},
    {"whitelist_to", "welcomelist_to"},
    {"blacklist_to", "blocklist_to"},
    {"whitelist_auth", "welcomelist_auth"},
    {"def_whitelist_auth", "def_welcomelist_auth"},
    {"unwhitelist_auth", "unwelcomelist_auth"},
    {"blacklist_uri_host", "blocklist_uri_host"},
    {"whitelist_uri_host", "welcomelist_uri_host"},
    {"clear_dns_query_restrictions", "clear_dns_query_restriction"},
    {"use_auto_whitelist", "use_auto_welcomelist"},
    {"auto_whitelist_factor", "auto_welcomelist_factor"},
    {"auto_whitelist_ipv4_mask_len", "auto_welcomelist_ipv4_mask_len"},
    {"auto_whitelist_ipv6_mask_len", "auto_welcomelist_ipv6_mask_len"},
    {"auto_whitelist_distinguish_signed", "auto_welcomelist_distinguish_signed"},
    {"auto_whitelist_factory", "auto_welcomelist_factory"},
    {"auto_whitelist_path", "auto_welcomelist_path"},
    {"auto_whitelist_db_modules", "auto_welcomelist_db_modules"},
    {"auto_whitelist_file_mode", "auto_welcomelist_file_mode"},
    {"whitelist_from_dkim", "welcomelist_from_dkim"},
    {"def_whitelist_from_dkim", "def_welcomelist_from_dkim"},
    {"unwhitelist_from_dkim", "unwelcomelist_from_dkim"},
    {"freemail_import_whitelist_auth", "freemail_import_welcomelist_auth"},
    {"freemail_import_def_whitelist_auth", "freemail_import_def_welcomelist_auth"},
    {"hashbl_email_whitelist", "hashbl_email_welcomelist"},
    {"pyzor_whitelist_min", "pyzor_welcomelist_min"},
    {"pyzor_whitelist_factor", "pyzor_welcomelist_factor"},
    {"whitelist_from_spf", "welcomelist_from_spf"},
    {"def_whitelist_from_spf", "def_welcomelist_from_spf"},
    {"unwhitelist_from_spf", "unwelcomelist_from_spf"},
    {"txrep_whitelist_out", "txrep_welcomelist_out"},
    {"whitelist_bounce_relays", "welcomelist_bounce_relays"},
    {"whitelist_subject", "welcomelist_subject"},
    {"blacklist_subject", "blocklist_subject"},
    {"freemail_whitelist", "freemail_welcomelist"},
};

}  // namespace

QByteArray newestName(const QByteArray &key)
{
    static const QHash<QByteArray, QByteArray> names = [] {
        QHash<QByteArray, QByteArray> hash;
        for (const OldName &old : oldNames) {
            hash.insert(old.before, old.now);
        }
        return hash;
    }();
    return names.value(key, key);
}

}  // namespace portcullis::spam
